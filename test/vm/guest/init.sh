#!/bin/busybox sh
# The first process of the virtual machine: makes it look like a booted Debian, as far as the agent sees, and has
# main.js cause what is measured. Its word comes back on the second serial port, the console is for what goes wrong.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
mount -t securityfs securityfs /sys/kernel/security
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ifconfig lo 127.0.0.1 up
# In the order in which they stand on each other; a kernel has some of them built in.
for name in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk; do
  if [ -e "/modules/$name.ko" ]; then insmod "/modules/$name.ko"; fi
done
stty -F /dev/ttyS1 raw
node /opt/kube-bpf/guest.js
poweroff -f

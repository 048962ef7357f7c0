#!/bin/sh
# A kernel as Debian built it for virtual machines, once per machine. usage: get-kernel.sh SERIES SUITE (6.1 bookworm)
# Prints the folder that holds vmlinuz and modules/, named after package and version. Where it cannot be had, the reason
# is printed instead and the exit code is 1.
set -eu
series=$1 suite=$2
kernels=${XDG_CACHE_HOME:-$HOME/.cache}/kube-bpf/kernels/$series
newest=$(ls -d "$kernels"/linux-image-* 2>/dev/null | sort -V | tail -n 1)
if [ -n "$newest" ]; then echo "$newest"; exit 0; fi

echo "fetching Linux $series of Debian $suite (once, about 40 MB)" >&2
mkdir -p "$kernels"
work=$(mktemp -d "$kernels/.get.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/package" "$work/out/modules"
# The cloud flavour is the same source with fewer drivers, at a third of the size.
pattern="linux-image-$(echo "$series" | sed 's/\./\\./')\..*-cloud-amd64"
if ! name=$("$(dirname "$0")/unpack-packages.sh" "$suite" "$work/package" "$pattern" 2>&1); then echo "$name"; exit 1; fi

mv "$work"/package/boot/vmlinuz-* "$work/out/vmlinuz"
# Of the modules only the virtio disk and what it stands on; a kernel has some of them built in. Newer ones are packed.
for module in virtio virtio_ring virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev virtio_blk; do
  find "$work/package" \( -name "$module.ko" -o -name "$module.ko.xz" \) -exec mv {} "$work/out/modules/" \;
done
for module in "$work"/out/modules/*.xz; do if [ -e "$module" ]; then busybox unxz "$module"; fi; done
mv -T "$work/out" "$kernels/$name" 2>/dev/null || [ -e "$kernels/$name/vmlinuz" ] || { echo "cannot write $kernels"; exit 1; }
echo "$kernels/$name"

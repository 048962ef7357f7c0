#!/bin/sh
# A kernel as Debian built it for virtual machines, once per machine. usage: get-kernel.sh SERIES SUITE (6.1 bookworm)
# Prints the folder that holds vmlinuz and modules/, named after package and version. The suite need not be this
# machine's: its line is made from one of the machine's own apt sources, with lists and archives of its own beside them.
# Where it cannot be had, the reason is printed instead and the exit code is 1.
set -eu
series=$1 suite=$2
kernels=${XDG_CACHE_HOME:-$HOME/.cache}/kube-bpf/kernels/$series
fail() { echo "get Linux $series of Debian $suite: $*"; exit 1; }

newest=$(ls -d "$kernels"/linux-image-* 2>/dev/null | sort -V | tail -n 1)
if [ -n "$newest" ]; then echo "$newest"; exit 0; fi
for tool in apt-get dpkg-deb busybox; do command -v "$tool" >/dev/null || fail "$tool is missing"; done

# Sources of a release itself have no dash in their name; bookworm-updates and bookworm-security have.
archive=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
  awk '$2 !~ /-/ && $3 == "main" { print $1; exit }')
[ -n "$archive" ] || fail 'no apt source of this machine is a Debian archive'

echo "fetching Linux $series of Debian $suite (once, about 40 MB)" >&2
mkdir -p "$kernels"
work=$(mktemp -d "$kernels/.get.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/package" "$work/out/modules"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ -e "$keyring" ]; then trust="[signed-by=$keyring] "; else trust=; fi
echo "deb $trust$archive $suite main" >"$work/sources.list"
cat >"$work/apt.conf" <<END
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$work/lists";
Dir::Cache "$work";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Sandbox::User "root";
END
export APT_CONFIG=$work/apt.conf
log=$(apt-get update 2>&1 && apt-cache gencaches 2>&1) || fail "$log"

# The cloud flavour is the same source with fewer drivers, at a third of the size.
package=$(apt-cache pkgnames "linux-image-$series." | grep -- '-cloud-amd64$' | sort -V | tail -n 1)
[ -n "$package" ] || fail "$suite has no package linux-image-$series.*-cloud-amd64"
log=$(cd "$work" && apt-get download "$package" 2>&1) || fail "$log"
archive=$(basename "$work"/linux-image-*.deb)
dpkg-deb --extract "$work/$archive" "$work/package"
mv "$work"/package/boot/vmlinuz-* "$work/out/vmlinuz"
# Of the modules only the virtio disk and what it stands on; a kernel has some of them built in. Newer ones are packed.
for name in virtio virtio_ring virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev virtio_blk; do
  find "$work/package" \( -name "$name.ko" -o -name "$name.ko.xz" \) -exec mv {} "$work/out/modules/" \;
done
for module in "$work"/out/modules/*.xz; do if [ -e "$module" ]; then busybox unxz "$module"; fi; done
folder=$kernels/${archive%_amd64.deb}
mv -T "$work/out" "$folder" 2>/dev/null || [ -e "$folder/vmlinuz" ] || fail "cannot write $folder"
echo "$folder"

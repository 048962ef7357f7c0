#!/bin/sh
# kube-apiserver from its Go module, once per machine: about four minutes on two cores. Prints the binary's path.
# The cache folder's name holds the version, so another version never meets this one's binary.
set -eu
version=v1.34.4
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kube-bpf/kube-$version
binary=$cache/kube-apiserver
if [ -x "$binary" ]; then echo "$binary"; exit 0; fi
command -v go >/dev/null || { echo "build kube-apiserver: go is missing (apt-get install golang, or https://go.dev)" >&2; exit 1; }

mkdir -p "$cache"
partial=$(mktemp "$cache/kube-apiserver.XXXXXX")
start=$(date +%s)
progress() { printf 'building kube-apiserver %s (once, about 4 minutes): %ss\n' "$version" "$(($(date +%s) - start))" >&2; }
progress
( while sleep 20; do progress; done ) &
ticker=$!
trap 'kill "$ticker" 2>/dev/null || true; rm -f "$partial"' EXIT

cd "$(dirname "$0")"
base=k8s.io/component-base/version
CGO_ENABLED=0 go build -trimpath -o "$partial" \
  -ldflags "-s -w -X $base.gitVersion=$version -X $base.gitMajor=1 -X $base.gitMinor=34" \
  k8s.io/kubernetes/cmd/kube-apiserver
chmod 755 "$partial"
mv "$partial" "$binary" # whole or not at all: another run may be waiting for the same file
echo "$binary"

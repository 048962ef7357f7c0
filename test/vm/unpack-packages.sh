#!/bin/sh
# Packages of a Debian release, unpacked. usage: unpack-packages.sh SUITE FOLDER NAME... (a NAME is an extended regular
# expression; of several packages that it fits, the newest by name). Prints NAME_VERSION of each. The suite need not be
# this machine's: its line is made from one of the machine's own apt sources, and its lists and archives stand below
# FOLDER, apart from the machine's, as long as this runs.
set -eu
suite=$1 folder=$2
shift 2
fail() { echo "get packages of Debian $suite: $*" >&2; exit 1; }
for tool in apt-get dpkg-deb; do command -v "$tool" >/dev/null || fail "$tool is missing"; done

# Sources of a release itself have no dash in their name; bookworm-updates and bookworm-security have.
source=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
  awk '$2 !~ /-/ && $3 == "main" { print $1; exit }')
[ -n "$source" ] || fail 'no apt source of this machine is a Debian archive'

apt=$folder/.apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial"
trap 'rm -rf "$apt"' EXIT
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ -e "$keyring" ]; then trust="[signed-by=$keyring] "; else trust=; fi
echo "deb $trust$source $suite main" >"$apt/sources.list"
cat >"$apt/apt.conf" <<END
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Sandbox::User "root";
END
export APT_CONFIG=$apt/apt.conf
log=$(apt-get update 2>&1 && apt-cache gencaches 2>&1) || fail "$log"

for name in "$@"; do
  package=$(apt-cache pkgnames | grep -xE -- "$name" | sort -V | tail -n 1)
  [ -n "$package" ] || fail "there is no $name"
  log=$(cd "$apt" && apt-get download "$package" 2>&1) || fail "$log"
  archive=$(echo "$apt"/*.deb)
  dpkg-deb --extract "$archive" "$folder"
  basename "$archive" | sed 's/_[0-9]*%3a/_/; s/_[^_]*\.deb$//'
  rm "$archive"
done

#!/usr/bin/env bash
# Libraries for the cross build: Debian's arm64 packages of the section [sysroot] of packages.txt, downloaded and
# unpacked into build/sysroot-aarch64. Needs no root and changes nothing of the system's own package state: apt runs
# with a state and a cache of its own, and checks signatures with Debian's keyring.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
root=$PWD/build/sysroot-aarch64
mapfile -t packages < <(awk '/^\[/ { on = ($1 == "[sysroot") } on && /^[a-z0-9]/ { print $1 }' packages.txt)
stamp="${packages[*]}"
if [ "$(cat "$root/packages" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
rm -rf "$root"
mkdir -p "$root"/apt/{lists/partial,cache/archives/partial,parts,debs}
touch "$root/apt/status"
cat >"$root/apt/apt.conf" <<EOF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "$(id -un)";
Dir::State "$root/apt";
Dir::State::status "$root/apt/status";
Dir::Cache "$root/apt/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$root/apt/parts";
EOF
cat >"$root/apt/parts/debian.sources" <<EOF
Types: deb
URIs: http://deb.debian.org/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
EOF
export APT_CONFIG=$root/apt/apt.conf
apt-get -q update
(cd "$root/apt/debs" && apt-get -q download "${packages[@]}")
for deb in "$root"/apt/debs/*.deb; do dpkg-deb -x "$deb" "$root"; done
rm -rf "$root/apt"
printf '%s\n' "$stamp" >"$root/packages"

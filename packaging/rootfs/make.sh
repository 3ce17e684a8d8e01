#!/bin/sh
# Makes a root file system with nothing but the daemon, its containerd and what they need, for a
# container or an image of a machine: no Dockerfile, no distribution inside.
#
#   make.sh --bundle BUNDLE --output DIR|FILE.tar
#
# The bundle has the executable, containerd, its shim, runc and network plugins (`cri-containerd bundle
# create`). Shared libraries and iptables are this machine's, which is of the same architecture.
set -eu

die() {
  printf 'make.sh: %s\n' "$*" >&2
  exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
installer=$here/../../install.sh
bundle="" output=""
while [ $# -gt 1 ]; do
  case $1 in
    --bundle) bundle=$2 ;;
    --output) output=$2 ;;
    --installer) installer=$2 ;;
    *) die "there is no option $1" ;;
  esac
  shift 2
done
[ -f "$bundle" ] || output=""
[ -n "$output" ] || die "usage: make.sh --bundle BUNDLE --output DIR|FILE.tar"
[ ! -e "$output" ] || die "$output is there already"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $output in
  *.tar) root=$work/root ;;
  *) root=$output ;;
esac

# copy_library PATH: with the links that lead to it, each in its own place.
copy_library() {
  [ -e "$root$1" ] && return 0
  mkdir -p "$root${1%/*}"
  cp -L "$1" "$root$1"
}

# libraries_of PROGRAM: those that the loader would open for it, and the loader.
libraries_of() {
  ldd "$1" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) .*/\1/p'
}

copy_program() {
  mkdir -p "$root${1%/*}"
  [ "$(readlink -f "$1")" = "$(readlink -f "$root$1")" ] || cp -L "$1" "$root$1"
  for library in $(libraries_of "$1"); do copy_library "$library"; done
}

mkdir -p "$root"
for folder in bin dev etc proc run sys tmp usr/bin usr/sbin var/lib var/log; do mkdir -p "$root/$folder"; done
chmod 1777 "$root/tmp"
printf 'root:x:0:0:root:/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
printf 'PRETTY_NAME="cri-containerd"\nID=cri-containerd\n' >"$root/etc/os-release"

sh "$installer" --from "$bundle" --root "$root" --init none --with-containerd managed --with-cni >&2

# What was installed, and what network plugins and the daemon run.
for program in "$root"/usr/local/bin/* "$root"/usr/local/lib/cri-containerd/bin/* "$root"/opt/cni/bin/*; do
  [ -f "$program" ] || continue
  for library in $(libraries_of "$program"); do copy_library "$library"; done
done
for tool in cat iptables ip6tables iptables-save iptables-restore modprobe; do
  path=$(command -v "$tool" || :)
  [ -z "$path" ] || copy_program "$path"
done
# iptables loads its matches and targets; names are looked up by libraries that no program names.
for folder in /usr/lib/*/xtables /usr/lib/xtables; do
  [ ! -d "$folder" ] || { mkdir -p "$root$folder" && cp -L "$folder"/libxt_*.so "$folder"/libipt_*.so "$root$folder/" 2>/dev/null; } || :
done
for library in /lib/*/libnss_files.so.2 /lib/*/libnss_dns.so.2 /lib64/libnss_files.so.2 /lib64/libnss_dns.so.2; do
  [ ! -e "$library" ] || copy_library "$library"
done
[ ! -d /etc/ssl/certs ] || { mkdir -p "$root/etc/ssl/certs" && cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" 2>/dev/null; } || :

case $output in
  *.tar) tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$output" -C "$root" . ;;
esac
printf '%s\n' "$output"

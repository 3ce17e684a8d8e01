#!/bin/sh
# Installs, upgrades and removes cri-containerd on a node. `sh install.sh --help` says how.
# POSIX sh; needs nothing but the usual tools, and curl or wget where something is fetched.
# The whole script is read before the first line runs: `curl … | sh` that breaks off does nothing.
set -eu

# Written here when a release is made; empty in the sources.
RELEASES_URL=""
RELEASE_VERSION=""

usage() {
  cat <<'USAGE'
Usage: install.sh [OPTION…]     every option has a variable, as INSTALL_FROM=… for --from …

  --from PATH           a release, a bundle, a folder of either, or an executable: no network
  --version VERSION     which release to fetch; the newest if left out
  --url BASE            where releases are
  --public-key KEY      of minisign or cosign: the release must be signed with it
  --with-containerd W   managed: the daemon runs one of its own; system: the node's;
                        auto: system where there is one that runs as a service, else managed
  --with-cni            network plugins of a bundle, and a bridge network where there is none
  --pod-cidr CIDR       the addresses of that network (10.88.0.0/16)
  --disable-builtin-cri switch off the CRI of the node's containerd
  --kubelet             point the kubelet at the daemon, by a drop-in of its service
  --prefix DIR          instead of /usr/local
  --root DIR            install into an image or a folder; nothing is started
  --arch ARCH           x86_64 or aarch64, for an image of another machine
  --init SYSTEM         systemd, openrc or none, instead of what is found
  --no-start            enable the service, but don't start it
  --ready-timeout SEC   how long the new daemon may take before the old one comes back (30)
  --dry-run             print every change, make none
  --uninstall           remove the program; configuration, images and pods stay
  --purge               remove everything, pods of a managed containerd too

Running it again upgrades: pods run on, and a daemon that isn't ready in time is taken back.
USAGE
}

say() { printf '%s\n' "$*"; }
warn() { printf 'install.sh: %s\n' "$*" >&2; }
die() {
  warn "$*"
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# ── options ────────────────────────────────────────────────────────────────────────────────────

is_on() {
  case $1 in
    1 | true | yes | on) return 0 ;;
    "" | 0 | false | no | off) return 1 ;;
    *) die "INSTALL_… is \"$1\", which is neither 1 nor 0" ;;
  esac
}

options() {
  from=${INSTALL_FROM:-} version=${INSTALL_VERSION:-$RELEASE_VERSION} url=${INSTALL_URL:-$RELEASES_URL}
  public_key=${INSTALL_PUBLIC_KEY:-} with_containerd=${INSTALL_WITH_CONTAINERD:-auto}
  with_cni=${INSTALL_WITH_CNI:-} pod_cidr=${INSTALL_POD_CIDR:-}
  disable_cri=${INSTALL_DISABLE_BUILTIN_CRI:-} kubelet=${INSTALL_KUBELET:-}
  prefix=${INSTALL_PREFIX:-/usr/local} root=${INSTALL_ROOT:-}
  arch=${INSTALL_ARCH:-} init=${INSTALL_INIT:-}
  no_start=${INSTALL_NO_START:-} ready_timeout=${INSTALL_READY_TIMEOUT:-30}
  dry_run=${INSTALL_DRY_RUN:-} uninstall=${INSTALL_UNINSTALL:-} purge=${INSTALL_PURGE:-}
  while [ $# -gt 0 ]; do
    option=$1
    case $option in
      --*=*)
        value=${option#*=} option=${option%%=*}
        shift
        set -- "$option" "$value" "$@"
        ;;
    esac
    case $option in
      --with-cni) with_cni=1 ;;
      --disable-builtin-cri) disable_cri=1 ;;
      --kubelet) kubelet=1 ;;
      --no-start) no_start=1 ;;
      --dry-run) dry_run=1 ;;
      --uninstall) uninstall=1 ;;
      --purge) purge=1 ;;
      -h | --help)
        usage
        exit 0
        ;;
      --from | --version | --url | --public-key | --with-containerd | --pod-cidr | --prefix | \
        --root | --arch | --init | --ready-timeout)
        [ $# -ge 2 ] || die "$option wants a value; --help shows which"
        set_option "$option" "$2"
        shift
        ;;
      *) die "there is no option $option; --help shows those that there are" ;;
    esac
    shift
  done
  check_options
}

set_option() {
  case $1 in
    --from) from=$2 ;;
    --version) version=${2#v} ;;
    --url) url=${2%/} ;;
    --public-key) public_key=$2 ;;
    --with-containerd) with_containerd=$2 ;;
    --pod-cidr) pod_cidr=$2 ;;
    --prefix) prefix=${2%/} ;;
    --root) root=${2%/} ;;
    --arch) arch=$2 ;;
    --init) init=$2 ;;
    --ready-timeout) ready_timeout=$2 ;;
  esac
}

check_options() {
  case $with_containerd in auto | managed | system) ;; *) die "--with-containerd is managed, system or auto, not $with_containerd" ;; esac
  case $init in "" | systemd | openrc | none) ;; *) die "--init is systemd, openrc or none, not $init" ;; esac
  case $ready_timeout in "" | *[!0-9]*) die "--ready-timeout is a number of seconds, not $ready_timeout" ;; esac
  case $prefix in /*) ;; *) die "--prefix is an absolute path, not \"$prefix\"" ;; esac
  case $prefix$root in *[[:space:]\"]*) die "--prefix and --root have no blanks and no quotes" ;; esac
  case $root in "" | /*) ;; *) root=$PWD/$root ;; esac
  [ -z "$root" ] || [ -d "$root" ] || die "--root $root is no folder"
  for switch in "$with_cni" "$disable_cri" "$kubelet" "$no_start" "$dry_run" "$uninstall" "$purge"; do
    is_on "$switch" || :
  done
  [ -z "$root" ] || no_start=1
  if [ -z "$root" ] && ! is_on "$dry_run" && [ "$(id -u)" != 0 ]; then
    die "only root can install on this node; use sudo, or --root DIR for an image"
  fi
}

# ── the node ───────────────────────────────────────────────────────────────────────────────────

find_node() {
  case ${arch:-$(uname -m)} in
    x86_64 | amd64) arch=x86_64 ;;
    aarch64 | arm64) arch=aarch64 ;;
    *) die "there is no executable for ${arch:-$(uname -m)}, only for x86_64 and aarch64" ;;
  esac
  distribution=$(sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$root/etc/os-release" 2>/dev/null || :)
  [ -n "$init" ] || find_init
  bin=$prefix/bin lib=$prefix/lib/cri-containerd share=$prefix/share
  etc=/etc/cri-containerd data=/var/lib/cri-containerd run=/run/cri-containerd
  manifest=$lib/manifest
  say "This node: ${distribution:-an unknown distribution}, $arch, $init"
}

find_init() {
  init=none
  if [ -d "$root/run/systemd/system" ]; then
    init=systemd
  elif [ -x "$root/sbin/openrc-run" ] && { [ -n "$root" ] || [ -d /run/openrc ]; }; then
    init=openrc
  elif [ -n "$root" ] && { [ -x "$root/lib/systemd/systemd" ] || [ -x "$root/usr/lib/systemd/systemd" ]; }; then
    init=systemd
  fi
}

# has_system_containerd: does the node have a containerd that is a service?
has_system_containerd() {
  [ -S "$root/run/containerd/containerd.sock" ] ||
    { is_installed containerd && ls "$root"/lib/systemd/system/containerd.service \
      "$root"/usr/lib/systemd/system/containerd.service "$root"/etc/systemd/system/containerd.service \
      "$root"/usr/local/lib/systemd/system/containerd.service "$root"/etc/init.d/containerd >/dev/null 2>&1; }
}

# is_installed PROGRAM: is it in one of the usual folders of the node?
is_installed() {
  for folder in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
    [ ! -x "$root$folder/$1" ] || return 0
  done
  return 1
}

choose_containerd() {
  if [ "$with_containerd" = auto ]; then
    with_containerd=managed
    has_system_containerd && [ ! -f "$source/bin/containerd" ] && with_containerd=system
    # What was chosen before stays, unless something else is asked for.
    if [ -f "$root$etc/config.toml" ]; then
      with_containerd=system
      grep -q '^[[:space:]]*managed[[:space:]]*=[[:space:]]*true' "$root$etc/config.toml" && with_containerd=managed
    fi
  fi
  if [ "$with_containerd" = managed ] && [ ! -f "$source/bin/containerd" ]; then
    for program in containerd containerd-shim-runc-v2 runc; do
      is_installed "$program" || [ -x "$root$lib/bin/$program" ] ||
        die "a managed containerd needs $program, which is neither on this node nor in what is installed; install your distribution's containerd and runc, or use a bundle that has them"
    done
  fi
}

# ── changes ────────────────────────────────────────────────────────────────────────────────────

changes=0

change() {
  changes=$((changes + 1))
  if is_on "$dry_run"; then
    say "would $*"
    return 1
  fi
  say "$*"
}

# act WORDS… runs a command that changes something, and says so.
act() {
  change "run $*" || return 0
  "$@"
}

sum_of() { sha256sum "$1" | cut -d ' ' -f 1; }

# recorded FILE: the sum with which the installer wrote it last.
recorded() {
  sed -n "s|^\([0-9a-f]\{64\}\)  $1\$|\1|p" "$root$manifest" 2>/dev/null | tail -n 1
}

# own FILE remembers a file that is ours, for --uninstall and to know later whether it was edited.
own() {
  printf '%s  %s\n' "$(sum_of "$root$1")" "$1" >>"$work/manifest"
}

# put FILE MODE takes $work/new as the file's content. A file that isn't as we left it stays.
put() {
  place "$work/new" "$1" "$2" keep
}

# place NEW FILE MODE [keep]
place() {
  if [ -f "$root$2" ] && cmp -s "$1" "$root$2"; then
    is_on "$dry_run" || own "$2"
    return 0
  fi
  if [ "${4:-}" = keep ] && [ -f "$root$2" ] && [ "$(sum_of "$root$2")" != "$(recorded "$2")" ]; then
    place_beside "$1" "$2" "$3"
    return 0
  fi
  change "write $2" || return 0
  mkdir -p "$root${2%/*}"
  cp "$1" "$root$2.new"
  chmod "$3" "$root$2.new"
  mv -f "$root$2.new" "$root$2"
  own "$2"
}

# place_beside NEW FILE MODE leaves an edited file alone, and keeps its line of the manifest.
place_beside() {
  if [ -f "$root$2.dist" ] && cmp -s "$1" "$root$2.dist"; then
    is_on "$dry_run" || own "$2.dist"
    return 0
  fi
  change "keep $2, which was edited, and write $2.dist beside it" || return 0
  cp "$1" "$root$2.dist"
  chmod "$3" "$root$2.dist"
  own "$2.dist"
}

keep_manifest() {
  is_on "$dry_run" && return 0
  mkdir -p "$root${manifest%/*}"
  # What an earlier run with other options wrote stays ours.
  while read -r sum path; do
    grep -q "  $path\$" "$work/manifest" || printf '%s  %s\n' "$sum" "$path" >>"$work/manifest"
  done 2>/dev/null <"$root$manifest" || :
  sort -u "$work/manifest" >"$root$manifest.new"
  mv -f "$root$manifest.new" "$root$manifest"
}

# ── what is installed ──────────────────────────────────────────────────────────────────────────

# fetch URL FILE
fetch() {
  try_fetch "$1" "$2" ||
    die "cannot fetch $1; on a node without internet, use --from with a bundle"
}

try_fetch() {
  if have curl; then
    case $1 in
      https:*) curl -fsSL --proto '=https' --tlsv1.2 --retry 3 -o "$2" "$1" ;;
      *) curl -fsSL --retry 3 -o "$2" "$1" ;;
    esac
  elif have wget; then
    wget -q -O "$2" "$1"
  else
    die "neither curl nor wget is here; install one, or use --from with a file that you fetched"
  fi
}

fetch_release() {
  [ -n "$url" ] || die "this install.sh doesn't know where releases are; name it by --url, or install a file by --from"
  if [ -z "$version" ]; then
    fetch "$url/latest/download/VERSION" "$work/VERSION"
    version=$(head -n 1 "$work/VERSION")
  fi
  case $version in "" | *[!0-9A-Za-z.+-]*) die "\"$version\" is no version" ;; esac
  name=cri-containerd-$version-linux-$arch.tar.gz
  mkdir "$work/fetched"
  say "Fetching cri-containerd $version"
  fetch "$url/download/v$version/$name" "$work/fetched/$name"
  fetch "$url/download/v$version/sha256sums" "$work/fetched/sha256sums"
  if [ -n "$public_key" ]; then
    for end in minisig sig; do
      try_fetch "$url/download/v$version/sha256sums.$end" "$work/fetched/sha256sums.$end" 2>/dev/null ||
        rm -f "$work/fetched/sha256sums.$end"
    done
  fi
  source=$work/fetched
}

# verify_bundle FOLDER: what `cri-containerd bundle create` put into one file.
verify_bundle() {
  case $arch in x86_64) bundled=amd64 ;; *) bundled=arm64 ;; esac
  grep -q "\"architecture\":\"$bundled\"" "$1/bundle.json" || die "the bundle is of another architecture than $arch"
  have sha256sum || die "sha256sum isn't here to check what is installed with"
  # A line for each program, as KIND NAME SUM.
  { tr '{' '\n' <"$1/bundle.json" && echo; } |
    sed -n 's/^"kind":"\([a-z]*\)","name":"\([^"/]*\)","sha256":"\([0-9a-f]*\)".*/\1 \2 \3/p' >"$work/programs"
  while read -r kind name sum; do
    [ -f "$1/$kind/$name" ] || die "the bundle is damaged: $name is missing; copy it again"
    [ "$(sum_of "$1/$kind/$name")" = "$sum" ] || die "the bundle is damaged: $name is changed; copy it again"
  done <"$work/programs"
  for used in "$1"/bin/* "$1"/cni/*; do
    [ ! -f "$used" ] || grep -q " ${used##*/} " "$work/programs" || die "the bundle is damaged: ${used##*/} isn't in its list"
  done
  for blob in "$1"/blobs/sha256/*; do
    [ ! -f "$blob" ] || [ "$(sum_of "$blob")" = "${blob##*/}" ] || die "the bundle is damaged: $blob is changed; copy it again"
  done
}

# verify FOLDER: everything there that its list of sums names, and the list's signature.
verify() {
  if [ -f "$1/bundle.json" ]; then
    [ -z "$public_key" ] || [ -n "$signed" ] || die "the bundle has no signature that could be checked with the key"
    verify_bundle "$1"
    return 0
  fi
  if [ ! -f "$1/sha256sums" ]; then
    [ -z "$public_key" ] || die "$1 has no sha256sums whose signature could be checked with the key"
    return 0
  fi
  verify_signature "$1/sha256sums"
  have sha256sum || die "sha256sum isn't here to check what is installed with"
  while read -r sum path; do
    [ -f "$1/$path" ] || continue
    [ "$(sum_of "$1/$path")" = "$sum" ] ||
      die "$path is not what was released: its sha256 isn't that of sha256sums; fetch it again"
  done <"$1/sha256sums"
  # What is used and isn't on the list was put there by somebody else.
  for used in "$1"/cri-containerd-*-linux-"$arch"*; do
    [ ! -f "$used" ] || grep -q "  ${used#"$1"/}\$" "$1/sha256sums" ||
      die "$used isn't in $1/sha256sums: take it away, or a list that has it"
  done
}

# verify_signature LIST; of a release whose own list is signed, what is packed in it needs none.
verify_signature() {
  if [ -z "$public_key" ] || [ -n "$signed" ]; then
    return 0
  elif [ -f "$1.minisig" ] && have minisign; then
    if [ -f "$public_key" ]; then set -- "$1" -p "$public_key"; else set -- "$1" -P "$public_key"; fi
    minisign -V -q "$2" "$3" -m "$1" || die "the signature of $1 is not of the key that you gave"
  elif [ -f "$1.sig" ] && have cosign; then
    cosign verify-blob --key "$public_key" --signature "$1.sig" "$1" >/dev/null 2>&1 ||
      die "the signature of $1 is not of the key that you gave"
  else
    die "cannot check the signature of $1: it takes $1.minisig and minisign, or $1.sig and cosign"
  fi
  signed=1
}

# is_archive FILE: by its name, or by what it is.
is_archive() {
  case $1 in *.tar | *.tar.gz | *.tgz | *.tar.zst) return 0 ;; esac
  tar -tf "$1" >/dev/null 2>&1
}

# unpack ARCHIVE into a folder of its own; a single folder in it is gone into.
unpack() {
  unpacked=$work/unpacked.$(basename "$1")
  mkdir "$unpacked"
  case $1 in
    *.zst) zstd -dc "$1" | tar -xf - -C "$unpacked" ;;
    *.gz | *.tgz) gzip -dc "$1" | tar -xf - -C "$unpacked" ;;
    *) tar -xf "$1" -C "$unpacked" ;;
  esac || die "cannot unpack $1; is it whole?"
  if [ "$(find "$unpacked" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ]; then
    inner=$(find "$unpacked" -mindepth 1 -maxdepth 1 -type d)
    unpacked=${inner:-$unpacked}
  fi
}

# find_source sets $source to what is installed from, and $release to the folder with the executable.
find_source() {
  if [ -z "$from" ]; then
    fetch_release
  elif [ -d "$from" ]; then
    source=$from
  elif [ -f "$from" ]; then
    verify_single "$from"
    if is_archive "$from"; then
      unpack "$from"
      source=$unpacked
    else
      mkdir "$work/release"
      cp "$from" "$work/release/cri-containerd"
      source=$work/release
    fi
  else
    die "--from $from: there is neither a file nor a folder"
  fi
  verify "$source"
  find_release
}

# verify_single FILE by FILE.sha256, or by the list beside it where that names it.
verify_single() {
  file_name=$(basename "$1")
  if [ -n "$public_key" ] && { [ -f "$1.minisig" ] || [ -f "$1.sig" ]; }; then
    verify_signature "$1"
    return 0
  elif [ -f "$1.sha256" ]; then
    expected=$(cut -d ' ' -f 1 "$1.sha256")
  elif [ -f "$(dirname "$1")/sha256sums" ]; then
    verify_signature "$(dirname "$1")/sha256sums"
    expected=$(sed -n "s|^\([0-9a-f]*\)  $file_name\$|\1|p" "$(dirname "$1")/sha256sums")
  else
    return 0
  fi
  [ -n "$expected" ] || [ -z "$public_key" ] || die "the signed sha256sums beside $1 doesn't name it"
  [ -z "$expected" ] || [ "$(sum_of "$1")" = "$expected" ] ||
    die "$1 is not what was released: its sha256 is another; fetch it again"
}

find_release() {
  release=$source
  if [ -f "$source/bundle.json" ]; then release=$source/bin; fi
  [ ! -f "$release/cri-containerd" ] || return 0
  for archive in "$source"/cri-containerd-*-linux-"$arch".tar.gz; do
    [ -f "$archive" ] || continue
    unpack "$archive"
    release=$unpacked
    verify "$release"
    return 0
  done
  for program in "$source"/cri-containerd-*-linux-"$arch"; do
    [ -f "$program" ] || continue
    release=$work/release
    mkdir -p "$release"
    cp "$program" "$release/cri-containerd"
    return 0
  done
  die "${from:-$source} has no executable for $arch; is it of another architecture?"
}

# try_program: does it run here, and does it understand the configuration? Before anything changes.
try_program() {
  chmod 755 "$release/cri-containerd" 2>/dev/null || :
  new_program=$release/cri-containerd
  if ! [ -x "$new_program" ]; then
    cp "$release/cri-containerd" "$work/program"
    chmod 755 "$work/program"
    new_program=$work/program
  fi
  # An image may be for a machine that this one isn't.
  if [ -n "$root" ]; then
    new_version=$(cat "$release/VERSION" 2>/dev/null || :)
    return 0
  fi
  new_version=$("$new_program" version 2>"$work/error" | sed -n 's/^cri-containerd \([^ ]*\) .*/\1/p')
  [ -n "$new_version" ] || die "the executable doesn't run here: $(head -n 3 "$work/error"); it needs glibc, as Debian, Ubuntu, Fedora or SUSE have it (Alpine hasn't)"
  [ ! -f "$etc/config.toml" ] || "$new_program" config check "$etc/config.toml" >/dev/null 2>"$work/error" ||
    die "cri-containerd $new_version doesn't take $etc/config.toml, so nothing was changed: $(cat "$work/error")"
}

# ── files ──────────────────────────────────────────────────────────────────────────────────────

config_toml() {
  cat <<TOML
# cri-containerd's configuration. All keys with their meaning: cri-containerd config default
# What is written in $etc/conf.d/*.toml comes on top of this.

[containerd]
TOML
  if [ "$with_containerd" = system ]; then
    say 'managed = false'
    say 'address = "/run/containerd/containerd.sock"'
  else
    say 'managed = true'
    if [ -f "$source/bin/containerd" ] || [ -f "$root$lib/bin/containerd" ]; then
      say "binaries = \"$lib/bin\""
    fi
  fi
}

systemd_unit() {
  after="network.target local-fs.target dbus.service"
  [ "$with_containerd" = managed ] || after="$after containerd.service"
  cat <<UNIT
[Unit]
Description=Kubernetes CRI daemon on containerd
Documentation=man:cri-containerd(8)
After=$after
Before=kubelet.service
UNIT
  [ "$with_containerd" = managed ] || say "Wants=containerd.service"
  cat <<UNIT

[Service]
Type=notify
NotifyAccess=main
ExecStart=$bin/cri-containerd serve
Restart=always
RestartSec=1
TimeoutStartSec=120
TimeoutStopSec=30
WatchdogSec=60
# Pods outlive the daemon: nothing but its own process is stopped, and their cgroups are its to make.
KillMode=process
Delegate=yes
OOMScoreAdjust=-999
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=0
TasksMax=infinity
# No option that takes a mount namespace (PrivateTmp, ProtectSystem and their like): the namespaces
# and volumes that are mounted here have to be seen by containerd and the pods.
KeyringMode=private
UNIT
  # What shims inherit, pods inherit; with a containerd of its own service these bind the daemon alone.
  [ "$with_containerd" = managed ] || cat <<'UNIT'
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native
CapabilityBoundingSet=~CAP_SYS_BOOT CAP_SYS_TIME CAP_SYS_MODULE CAP_WAKE_ALARM
UNIT
  cat <<'UNIT'

[Install]
WantedBy=multi-user.target
UNIT
}

openrc_script() {
  needs="localmount"
  [ "$with_containerd" = managed ] || needs="$needs containerd"
  cat <<SCRIPT
#!/sbin/openrc-run
# Pods outlive the daemon: only its own process is stopped.

description="Kubernetes CRI daemon on containerd"
supervisor=supervise-daemon
command=$bin/cri-containerd
command_args=serve
respawn_delay=1
respawn_max=0
retry=SIGTERM/30/SIGKILL/5
output_log=/var/log/cri-containerd.log
error_log=/var/log/cri-containerd.log
rc_ulimit="-n 1048576 -c 0"
rc_cgroup_cleanup=no

depend() {
  need $needs
  use net cgroups logger
  before kubelet
}
SCRIPT
}

# The oldest form that crictl understands; pulls are as long as the registry takes.
crictl_yaml() {
  cat <<YAML
runtime-endpoint: unix://$run/cri-containerd.sock
image-endpoint: unix://$run/cri-containerd.sock
timeout: 10
YAML
}

kubelet_dropin() {
  cat <<UNIT
# The kubelet starts after the daemon and talks with it.
[Unit]
Wants=cri-containerd.service
After=cri-containerd.service

[Service]
Environment="KUBELET_EXTRA_ARGS=--container-runtime-endpoint=unix://$run/cri-containerd.sock"
UNIT
}

bridge_conflist() {
  cat <<JSON
{
  "cniVersion": "1.0.0",
  "name": "cri-containerd",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "cri0",
      "isGateway": true,
      "ipMasq": true,
      "hairpinMode": true,
      "ipam": {
        "type": "host-local",
        "ranges": [[{ "subnet": "${pod_cidr:-10.88.0.0/16}" }]],
        "routes": [{ "dst": "0.0.0.0/0" }]
      }
    },
    { "type": "portmap", "capabilities": { "portMappings": true } },
    { "type": "firewall" }
  ]
}
JSON
}

write_service() {
  case $init in
    systemd)
      systemd_unit >"$work/new"
      keep_previous /etc/systemd/system/cri-containerd.service "$work/new"
      put /etc/systemd/system/cri-containerd.service 644
      say "d $run 0711 root root -" >"$work/new"
      put /etc/tmpfiles.d/cri-containerd.conf 644
      ;;
    openrc)
      openrc_script >"$work/new"
      put /etc/init.d/cri-containerd 755
      ;;
    none) ;;
  esac
}

write_texts() {
  [ ! -d "$release/share" ] || {
    place "$release/share/cri-containerd.8" "$share/man/man8/cri-containerd.8" 644
    place "$release/share/completions/cri-containerd.bash" "$share/bash-completion/completions/cri-containerd" 644
    place "$release/share/completions/_cri-containerd" "$share/zsh/site-functions/_cri-containerd" 644
    place "$release/share/completions/cri-containerd.fish" "$share/fish/vendor_completions.d/cri-containerd.fish" 644
    return 0
  }
  # A bundle has the program alone, which knows its texts; that of an image may not run here.
  [ -z "$root" ] || return 0
  write_text man/man8/cri-containerd.8 man
  write_text bash-completion/completions/cri-containerd completion bash
  write_text zsh/site-functions/_cri-containerd completion zsh
  write_text fish/vendor_completions.d/cri-containerd.fish completion fish
}

# write_text FILE COMMAND…
write_text() {
  text=$1
  shift
  "$new_program" "$@" >"$work/new" 2>/dev/null || return 0
  place "$work/new" "$share/$text" 644
}

write_kubelet() {
  is_on "$kubelet" || return 0
  if [ "$init" != systemd ]; then
    warn "there is no systemd: give the kubelet --container-runtime-endpoint=unix://$run/cri-containerd.sock yourself"
    return 0
  fi
  kubelet_dropin >"$work/new"
  put /etc/systemd/system/kubelet.service.d/20-cri-containerd.conf 644
  for file in /etc/default/kubelet /etc/sysconfig/kubelet; do
    grep -q '^KUBELET_EXTRA_ARGS=..*' "$root$file" 2>/dev/null || continue
    warn "$file sets KUBELET_EXTRA_ARGS, which outweighs the drop-in; add --container-runtime-endpoint=unix://$run/cri-containerd.sock there"
  done
}

write_cni() {
  is_on "$with_cni" || return 0
  if [ -d "$source/cni" ]; then
    for plugin in "$source"/cni/*; do place "$plugin" "/opt/cni/bin/$(basename "$plugin")" 755; done
  elif [ ! -x "$root/opt/cni/bin/bridge" ] && [ ! -x "$root/usr/lib/cni/bridge" ]; then
    die "--with-cni: there are no network plugins in what is installed, nor in /opt/cni/bin or /usr/lib/cni; use a bundle that has them, or install your distribution's containernetworking-plugins"
  fi
  for file in "$root"/etc/cni/net.d/*; do
    case $file in
      */10-cri-containerd.conflist)
        # Pods have addresses of it: another network isn't made in passing.
        [ -n "$pod_cidr" ] && continue
        is_on "$dry_run" || own "/etc/cni/net.d/${file##*/}"
        return 0
        ;;
      *.conf | *.conflist | *.json) return 0 ;;
    esac
  done
  bridge_conflist >"$work/new"
  put /etc/cni/net.d/10-cri-containerd.conflist 644
  printf 'net.ipv4.ip_forward = 1\n' >"$work/new"
  put /etc/sysctl.d/60-cri-containerd.conf 644
  printf 'overlay\nbr_netfilter\n' >"$work/new"
  put /etc/modules-load.d/cri-containerd.conf 644
  is_on "$no_start" && return 0
  [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || act sysctl -q -w net.ipv4.ip_forward=1
}

# The CRI plugins of containerd: before 2.0, and since.
BUILTIN_CRI='"io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"'

# disable_builtin adds them to disabled_plugins, and restarts containerd; its pods run on.
disable_builtin() {
  is_on "$disable_cri" && [ "$with_containerd" = system ] || return 0
  toml=/etc/containerd/config.toml
  if grep -Eq '^disabled_plugins[[:space:]]*=.*"(cri|io\.containerd\.grpc\.v1\.cri)"' "$root$toml" 2>/dev/null; then
    return 0
  elif [ ! -f "$root$toml" ]; then
    printf 'version = 2\ndisabled_plugins = [%s]\n' "$BUILTIN_CRI" >"$work/new"
    put "$toml" 644
  else
    if grep -q '^disabled_plugins[[:space:]]*=[[:space:]]*\[[[:space:]]*\]' "$root$toml"; then
      sed "s|^disabled_plugins[[:space:]]*=.*|disabled_plugins = [$BUILTIN_CRI]|" "$root$toml" >"$work/toml"
    elif grep -q '^disabled_plugins[[:space:]]*=[[:space:]]*\[.*\]' "$root$toml"; then
      sed "s|^\(disabled_plugins[[:space:]]*=[[:space:]]*\[\)|\1$BUILTIN_CRI, |" "$root$toml" >"$work/toml"
    elif grep -q '^disabled_plugins' "$root$toml"; then
      die "disabled_plugins in $toml has a form that isn't understood here; add $BUILTIN_CRI to it yourself"
    else
      # Before the first table, where keys of the top belong.
      { printf 'disabled_plugins = [%s]\n' "$BUILTIN_CRI"; cat "$root$toml"; } >"$work/toml"
    fi
    change "switch off the built-in CRI in $toml (as it was: $toml.before-cri-containerd)" || return 0
    cp -p "$root$toml" "$root$toml.before-cri-containerd"
    cp "$work/toml" "$root$toml"
  fi
  is_on "$no_start" && return 0
  case $init in
    systemd) act systemctl restart containerd.service ;;
    openrc) act rc-service containerd restart ;;
    none) warn "restart containerd for its CRI to go" ;;
  esac
}

# write_programs replaces executables in one step each, the old ones kept for the way back.
write_programs() {
  is_on "$dry_run" || rm -rf "$root$lib/previous"
  if [ -d "$source/bin" ]; then
    for tool in "$source"/bin/*; do
      name=$(basename "$tool")
      if [ "$name" = cri-containerd ]; then
        continue
      elif [ "$name" = crictl ]; then
        place "$tool" "$bin/crictl" 755
      elif [ "$with_containerd" = managed ]; then
        keep_previous "$lib/bin/$name" "$tool"
        place "$tool" "$lib/bin/$name" 755
      fi
    done
  fi
  keep_previous "$bin/cri-containerd" "$new_program"
  place "$new_program" "$bin/cri-containerd" 755
}

# keep_previous FILE NEW
keep_previous() {
  is_on "$dry_run" && return 0
  if [ ! -f "$root$1" ] || cmp -s "$root$1" "$2"; then return 0; fi
  mkdir -p "$root$lib/previous"
  cp -p "$root$1" "$root$lib/previous/$(basename "$1")"
}

# write_images puts the bundle's images where the daemon imports them, when it starts or at once.
write_images() {
  [ -f "$source/index.json" ] || return 0
  name=bundle-$(sum_of "$source/index.json" | cut -c 1-12).tar
  if [ -f "$root$data/images/$name" ]; then
    is_on "$dry_run" || own "$data/images/$name"
    return 0
  fi
  (cd "$source" && tar -cf "$work/images.tar" oci-layout index.json blobs)
  place "$work/images.tar" "$data/images/$name" 644
}

# ── the service ────────────────────────────────────────────────────────────────────────────────

enable_service() {
  case $init in
    systemd)
      if [ -n "$root" ]; then
        wants=/etc/systemd/system/multi-user.target.wants/cri-containerd.service
        [ -L "$root$wants" ] && return 0
        change "enable cri-containerd.service" || return 0
        mkdir -p "$root${wants%/*}"
        ln -s ../cri-containerd.service "$root$wants"
      else
        is_on "$dry_run" || systemctl daemon-reload
        systemctl is-enabled --quiet cri-containerd.service 2>/dev/null ||
          act systemctl enable --quiet cri-containerd.service
      fi
      ;;
    openrc)
      [ -e "$root/etc/runlevels/default/cri-containerd" ] && return 0
      change "enable cri-containerd in the runlevel default" || return 0
      mkdir -p "$root/etc/runlevels/default"
      ln -s /etc/init.d/cri-containerd "$root/etc/runlevels/default/cri-containerd"
      ;;
    none) ;;
  esac
}

is_running() {
  case $init in
    systemd) systemctl is-active --quiet cri-containerd.service ;;
    openrc) rc-service --quiet cri-containerd status >/dev/null 2>&1 ;;
    none) return 1 ;;
  esac
}

restart_service() {
  case $init in
    systemd)
      systemctl daemon-reload
      # Its start isn't waited for: a daemon that never says that it is ready would take too long.
      systemctl stop cri-containerd.service
      systemctl start --no-block cri-containerd.service
      ;;
    openrc) rc-service cri-containerd restart ;;
  esac
}

stop_service() {
  case $init in
    systemd) systemctl stop cri-containerd.service ;;
    openrc) rc-service cri-containerd stop ;;
  esac
}

show_log() {
  case $init in
    systemd) journalctl -u cri-containerd.service -n 15 --no-pager -o cat 2>/dev/null || : ;;
    openrc) tail -n 15 /var/log/cri-containerd.log 2>/dev/null || : ;;
  esac
}

# start_service starts the daemon, and takes an upgrade back that doesn't become ready.
start_service() {
  if is_on "$no_start" || [ "$init" = none ]; then
    [ "$init" != none ] || [ -n "$root" ] || say "There is no service manager here; run: $bin/cri-containerd serve"
    return 0
  fi
  if is_running && [ "$changes" -eq 0 ]; then
    return 0
  fi
  change "start cri-containerd $new_version" || return 0
  restart_service >"$work/restart" 2>&1 || :
  "$bin/cri-containerd" status --wait "$ready_timeout" >"$work/status" 2>&1 && return 0
  warn "cri-containerd $new_version isn't ready after $ready_timeout s:"
  cat "$work/restart" "$work/status" >&2 2>/dev/null || :
  show_log >&2
  roll_back
}

roll_back() {
  [ -f "$lib/previous/cri-containerd" ] ||
    die "there is no earlier version to go back to; \`$bin/cri-containerd doctor\` looks for the cause"
  warn "going back to the version before"
  for old in "$lib/previous"/*; do
    name=$(basename "$old")
    case $name in
      cri-containerd) target=$bin/$name ;;
      *.service) target=/etc/systemd/system/$name ;;
      *) target=$lib/bin/$name ;;
    esac
    mv -f "$old" "$target"
  done
  restart_service || :
  # However little time the new one was given: this one is known to work.
  if "$bin/cri-containerd" status --wait 120 >/dev/null 2>&1; then
    die "the version before runs again, and its pods ran on; nothing else is needed until you try again"
  fi
  die "the version before isn't ready either; \`$bin/cri-containerd doctor\` looks for the cause"
}

# ── away ───────────────────────────────────────────────────────────────────────────────────────

remove_all() {
  is_on "$purge" && remove_pods
  if [ -z "$root" ] && is_running; then
    change "stop cri-containerd" && stop_service
  fi
  if [ -f "$root$manifest" ]; then
    # Files that were edited since are the user's.
    while read -r sum path; do
      [ -f "$root$path" ] || continue
      if [ "$(sum_of "$root$path")" != "$sum" ] && ! is_on "$purge"; then
        say "keeping $path, which was edited"
        continue
      fi
      case $path in
        "$etc"/* | "$data"/*) is_on "$purge" || continue ;;
      esac
      change "remove $path" && rm -f "$root$path"
    done <"$root$manifest"
  fi
  for link in /etc/systemd/system/multi-user.target.wants/cri-containerd.service /etc/runlevels/default/cri-containerd; do
    if [ -L "$root$link" ]; then change "remove $link" && rm -f "$root$link"; fi
  done
  if [ -d "$root$lib" ]; then change "remove $lib" && rm -rf "$root$lib"; fi
  [ ! -d "$root/etc/systemd/system/kubelet.service.d" ] || is_on "$dry_run" ||
    rmdir "$root/etc/systemd/system/kubelet.service.d" 2>/dev/null || :
  if is_on "$purge"; then purge_data; fi
  [ "$init" != systemd ] || [ -n "$root" ] || is_on "$dry_run" || systemctl daemon-reload
  if is_on "$purge"; then
    say "cri-containerd is gone from this node, with all that it had"
  else
    say "cri-containerd is gone; $etc, $data and running pods stay (--purge removes them)"
  fi
}

# shims: processes of the containerd that is ours.
shims() {
  for process in /proc/[0-9]*; do
    tr '\0' ' ' <"$process/cmdline" 2>/dev/null |
      grep -q -- "-address $run/containerd/containerd.sock" && say "${process#/proc/}"
  done
  return 0
}

# remove_pods empties a node of the daemon's own containerd; without it pods would lose their disks.
remove_pods() {
  [ -z "$root" ] || return 0
  # Those in the node's containerd stay with it, and would lose their files.
  if ! grep -q '^[[:space:]]*managed[[:space:]]*=[[:space:]]*true' "$etc/config.toml" 2>/dev/null; then
    case $("$bin/cri-containerd" pods --json 2>/dev/null || :) in
      "" | "[]") return 0 ;;
      *) die "there are pods in the node's containerd; remove them first (crictl rmp --all --force), or use --uninstall, with which they stay" ;;
    esac
  fi
  [ -n "$(shims)" ] || return 0
  change "remove all pods" || return 0
  have crictl || die "pods are running, and crictl isn't here to remove them with; stop the kubelet and remove them first"
  crictl --runtime-endpoint "unix://$run/cri-containerd.sock" --timeout 120s rmp --all --force >/dev/null ||
    die "the pods can't be removed; stop the kubelet, see \`cri-containerd doctor\`, and try again"
}

purge_data() {
  for folder in "$etc" "$data" "$run"; do
    [ -d "$root$folder" ] || continue
    change "remove $folder" || continue
    # A mount that was left would be emptied by what follows.
    if [ -z "$root" ]; then
      sed -n "s|^[^ ]* \($folder/[^ ]*\) .*|\1|p" /proc/mounts | sort -r | while read -r mount; do umount -l "$mount"; done
    fi
    rm -rf "$root$folder"
  done
  rm -f "$root/var/log/cri-containerd.log"
}

# ── the whole ──────────────────────────────────────────────────────────────────────────────────

install_all() {
  find_source
  try_program
  choose_containerd
  write_programs
  write_texts
  config_toml >"$work/new"
  put "$etc/config.toml" 644
  crictl_yaml >"$work/new"
  put /etc/crictl.yaml 644
  write_service
  write_kubelet
  write_cni
  write_images
  keep_manifest
  disable_builtin
  enable_service
  start_service
  if is_on "$dry_run"; then
    say "$changes changes would be made"
  elif [ "$changes" -eq 0 ]; then
    say "cri-containerd${new_version:+ $new_version} is installed already, just so"
  else
    say "cri-containerd${new_version:+ $new_version} is installed"
    [ -n "$root" ] || say "Is the node fit for pods? $bin/cri-containerd doctor"
  fi
}

main() {
  options "$@"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM
  : >"$work/manifest"
  signed=""
  find_node
  if is_on "$uninstall" || is_on "$purge"; then remove_all; else install_all; fi
}

main "$@"

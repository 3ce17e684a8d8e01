#!/usr/bin/env bash
# build.sh NAME…: build Go tools that tests and benchmarks drive into .tools/, each once a version.
# They come from the Go module proxy, because a distribution's are older or missing.
#
#   crictl      .tools/bin/crictl                  critest    .tools/bin/critest
#   containerd  .tools/containerd-2.3/{containerd,ctr,containerd-shim-runc-v2}
#   runc        .tools/containerd-2.3/runc         cni        .tools/cni/{bridge,portmap,…}
#   kubelet     .tools/bin/kubelet                 cosign     .tools/bin/cosign
set -euo pipefail

CRI_TOOLS=v1.36.0
CONTAINERD=v2.3.4
RUNC=v1.5.2
CNI_PLUGINS=v1.9.1
KUBERNETES=1.36.3
COSIGN=v3.1.3

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=go.sh
. "$here/go.sh"
tools=$(cd "$here/../.." && pwd)/.tools

build_crictl() {
  go_source sigs.k8s.io/cri-tools "$CRI_TOOLS" "$1"
  go_build "$1" -ldflags "-X sigs.k8s.io/cri-tools/pkg/version.Version=$CRI_TOOLS" \
    -o "$tools/bin/" ./cmd/crictl
}

build_critest() {
  go_source sigs.k8s.io/cri-tools "$CRI_TOOLS" "$1"
  (cd "$1" && CGO_ENABLED=0 GOFLAGS="-buildvcs=false -mod=mod" \
    "$(find_go)" test -c -o "$tools/bin/critest" ./cmd/critest)
}

build_containerd() {
  local package=github.com/containerd/containerd/v2
  go_source "$package" "$CONTAINERD" "$1"
  # no_btrfs: that snapshotter needs a C header and nothing here uses it.
  go_build "$1" -tags no_btrfs -ldflags "-X $package/version.Version=$CONTAINERD" \
    -o "$tools/containerd-2.3/" ./cmd/containerd ./cmd/ctr ./cmd/containerd-shim-runc-v2
}

build_runc() {
  if [ ! -e /usr/include/seccomp.h ]; then
    echo "installing libseccomp-dev for runc"
    apt-get install -y --no-install-recommends libseccomp-dev pkg-config >/dev/null
  fi
  go_source github.com/opencontainers/runc "$RUNC" "$1"
  go_build "$1" -tags seccomp -o "$tools/containerd-2.3/" .
}

build_cni() {
  go_source github.com/containernetworking/plugins "$CNI_PLUGINS" "$1"
  local plugins
  plugins=$(cd "$1" && printf './%s\n' plugins/{main,ipam,meta}/*/ | grep -v '/windows/')
  # shellcheck disable=SC2086 # one word a plugin
  CGO_ENABLED=0 go_build "$1" -o "$tools/cni/" \
    -ldflags "-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=$CNI_PLUGINS" \
    $plugins
}

build_kubelet() {
  go_source k8s.io/kubernetes "v$KUBERNETES" "$1"
  # Its own libraries lie beside it in its repository, and under versions of their own elsewhere.
  sed -i -E "s#=> \\./staging/src/(k8s\\.io/[a-z-]+)#=> \\1 v0.${KUBERNETES#1.}#" "$1/go.mod"
  GOWORK=off go_build "$1" -o "$tools/bin/" \
    -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$KUBERNETES" ./cmd/kubelet
}

build_cosign() {
  go_source github.com/sigstore/cosign/v3 "$COSIGN" "$1"
  CGO_ENABLED=0 go_build "$1" -ldflags "-s -w" -o "$tools/bin/" ./cmd/cosign
}

version_of() {
  case $1 in
    crictl | critest) echo "$CRI_TOOLS" ;;
    containerd) echo "$CONTAINERD" ;;
    runc) echo "$RUNC" ;;
    cni) echo "$CNI_PLUGINS" ;;
    kubelet) echo "$KUBERNETES" ;;
    cosign) echo "$COSIGN" ;;
    *) echo "build.sh: unknown tool $1; there are crictl, critest, containerd, runc, cni, kubelet and cosign" >&2; return 1 ;;
  esac
}

build() {
  local name=$1 version stamp
  version=$(version_of "$name")
  stamp=$tools/stamps/$name
  [ "$(cat "$stamp" 2>/dev/null)" = "$version" ] && return
  find_go >/dev/null || { echo "Cannot build $name: no Go on PATH or in /usr/local/go; install Go 1.26 or newer" >&2; return 1; }
  echo "building $name $version (once)"
  # Removed by the trap of the whole script, which holds one build at a time.
  work=$(mktemp -d "${TMPDIR:-/tmp}/cri-containerd-build.XXXXXX")
  "build_$name" "$work/source"
  rm -rf "$work"
  echo "$version" >"$stamp"
}

[ $# -ge 1 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
mkdir -p "$tools/bin" "$tools/containerd-2.3" "$tools/cni" "$tools/stamps"
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
# A second caller waits here for the first one's build instead of making it again.
exec 9>"$tools/stamps/lock"
flock 9
for name; do build "$name"; done

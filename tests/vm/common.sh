# What the tests inside the machine share. A line "vm: ok …" or "vm: FAIL …" on the console is a test.
# Much here is for another shell, or for a container's.
# shellcheck shell=sh disable=SC2016
set -u
console=/dev/ttyS0
here=/opt/vm
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

note() { printf 'vm: %s\n' "$*" >$console; }

# test "SENTENCE" COMMAND… is a test of the command's success; what it printed is shown otherwise.
try() {
  sentence=$1
  shift
  if "$@" >/tmp/out 2>&1; then note "ok $sentence"; else
    note "FAIL $sentence"
    tail -n 25 /tmp/out | sed 's/^/vm:      /' >$console
  fi
}

finish() {
  note "end"
  systemctl poweroff
  exit 0
}

# until_true SECONDS COMMAND…
until_true() {
  left=$1
  shift
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { "$@"; return 1; }
    sleep 1
  done
}

image() { crictl images -o json | jq -r '.images[].repoTags[]?' | grep -m 1 web:1; }
# install BUNDLE OPTION…
install() {
  bundle=$1
  shift
  sh $here/install.sh --from "$bundle" --with-containerd system --disable-builtin-cri --with-cni --pod-cidr 10.99.0.0/16 --ready-timeout 240 "$@"
}
pid_of() { crictl inspect "$1" | jq -e .info.pid; }

no_failures() {
  cri-containerd doctor --json >/tmp/doctor.json
  jq -e '[.[] | select(.level == "fail")] == []' /tmp/doctor.json >/dev/null || { jq '.[] | select(.level == "fail")' /tmp/doctor.json; return 1; }
}

# suite FOCUS runs those of critest's tests.
suite() {
  printf 'defaultTestContainerImage: %s\nwebServerTestImage: %s\n' "$(image)" "$(image)" >/tmp/images.yaml
  # critest waits a minute at most, which this machine may not keep.
  $here/critest -runtime-endpoint=unix:///run/cri-containerd/cri-containerd.sock \
    -image-endpoint=unix:///run/cri-containerd/cri-containerd.sock -config=/dev/null \
    -runtime-service-timeout=300s -test-images-file=/tmp/images.yaml \
    -ginkgo.no-color -ginkgo.focus="$1" >/tmp/critest.log 2>&1
  grep -a 'Ran .* Specs' /tmp/critest.log >$console
  grep -aq 'SUCCESS!.* 0 Failed' /tmp/critest.log || { grep -a '\[FAIL\|FAILED\|flag' /tmp/critest.log; tail -n 5 /tmp/critest.log; return 1; }
  grep -aq 'Ran [1-9]' /tmp/critest.log
}

nothing_left() {
  [ -z "$(ctr -n k8s.io containers ls -q)" ] || { echo "containers: $(ctr -n k8s.io containers ls -q)"; return 1; }
  [ -z "$(ls /var/run/netns 2>/dev/null)" ] || { ls /var/run/netns; return 1; }
  ! grep cri-containerd /proc/mounts || return 1
  ! ls -d /sys/fs/cgroup/vmtest.slice/*.scope 2>/dev/null || return 1
  left=$(find /var/lib/cni -name '10.*')
  [ -z "$left" ] || { echo "$left"; return 1; }
}

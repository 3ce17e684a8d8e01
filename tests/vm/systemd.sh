#!/bin/sh
# What is tried inside the machine, by systemd, after each of its two starts. Each line "vm: ok …" or
# "vm: FAIL …" on the console is a test; the machine is switched off at the end of the second.
# Much here is for another shell, or for a container's.
# shellcheck disable=SC2016
# shellcheck source=tests/vm/common.sh
. /opt/vm/common.sh

unit() { systemctl show -p "$1" --value cri-containerd.service; }
pod_json() {
  printf '{"metadata":{"name":"%s","namespace":"default","uid":"uid-%s","attempt":%s},"log_directory":"/var/log/pods/%s","linux":{"cgroup_parent":"vmtest.slice"}}' "$1" "$1" "$2" "$1"
}

# counter prints a number ten times a second.
container_json() {
  printf '{"metadata":{"name":"%s","attempt":0},"image":{"image":"%s"},"log_path":"%s.log","command":["sh","-c","i=0; while true; do i=$((i+1)); echo $i; sleep 0.1; done"],"linux":{"resources":{"memory_limit_in_bytes":67108864,"oom_score_adj":-500},"security_context":{"apparmor":{"profile_type":%s}}}}' "$1" "$(image)" "$1" "${2:-0}"
}

install_again() { install $here/two.tar | grep 'just so'; }

start_pod() {
  pod_json "$1" "$2" >/tmp/pod.json
  container_json counter "${3:-0}" >/tmp/container.json
  pod=$(crictl --timeout 120s runp /tmp/pod.json) || return 1
  container=$(crictl --timeout 120s create "$pod" /tmp/container.json /tmp/pod.json) || return 1
  crictl --timeout 120s start "$container" || return 1
  echo "$pod" >$here/pod
  echo "$container" >$here/container
}

last_number() { tail -n 1 /var/log/pods/web/counter.log | sed 's/.* //'; }

# counted_on NUMBER: has the container gone on from there, without a gap in its log?
counted_on() {
  sed 's/.* //' /var/log/pods/web/counter.log | awk -v from="$1" 'NR > 1 && $1 != last + 1 { print "a gap after " last; exit 1 } { last = $1 } END { exit last > from ? 0 : 1 }'
}

same_pid() { [ "$(pid_of "$(cat $here/container)")" = "$pid" ]; }
is_version() { cri-containerd version | grep -q "^cri-containerd $1 "; }

archive=/var/lib/kubelet/checkpoints/web.tar
checkpoint() { mkdir -p "${archive%/*}" && crictl --timeout 300s checkpoint --export=$archive "$(cat $here/container)"; }
holds_memory() { tar -tf $archive >/tmp/names && grep -q '^checkpoint/pages-.*\.img$' /tmp/names && grep -qx config.dump /tmp/names && grep -qx spec.dump /tmp/names; }

first_start() {
  note "systemd $(systemctl --version | head -n 1), kernel $(uname -r), $(stat -f -c %T /sys/fs/cgroup)"
  try "there is no network but loopback" sh -c 'test "$(ls /sys/class/net)" = lo'
  try "install.sh installs a bundle and the daemon becomes ready" install $here/one.tar
  try "systemd takes the service for active, told by sd_notify" [ "$(unit ActiveState)/$(unit StatusText | cut -c 1-11)" = "active/Serving the" ]
  try "the service gives its watchdog a sign" until_true 120 sh -c '[ "$(systemctl show -p WatchdogTimestampMonotonic --value cri-containerd.service)" -gt 0 ]'
  try "containerd's own CRI is off" sh -c '! crictl --runtime-endpoint unix:///run/containerd/containerd.sock version'
  try "the bundle's image is imported" until_true 120 image
  try "a pod runs with AppArmor's default profile and an oom_score_adj of -500" start_pod web 0 0
  container=$(cat $here/container)
  pid=$(pid_of "$container")
  try "its container is confined" grep -q '(enforce)' "/proc/$pid/attr/current"
  try "its oom_score_adj is what was asked for" grep -qx -- -500 "/proc/$pid/oom_score_adj"
  try "its cgroup is a scope of systemd below its slice" grep -q '^0::/vmtest\.slice/cri-containerd-.*\.scope$' "/proc/$pid/cgroup"
  try "its memory limit is in the cgroup" grep -qx 67108864 "/sys/fs/cgroup$(sed 's/^0:://' "/proc/$pid/cgroup")/memory.max"
  try "statistics are told" sh -c "crictl stats -o json $container | jq -e '.stats[0].memory.workingSetBytes.value | tonumber > 0'"
  try "exec works" sh -c "test \"\$(crictl exec $container echo hello)\" = hello"
  number=$(last_number)
  note "CRIU $(criu --version | sed -n 's/^Version: //p'): $(criu check 2>&1 | tail -n 1)"
  try "a running container is written into an archive by CRIU" checkpoint
  try "with its memory and its configuration" holds_memory
  try "which only root can read" sh -c "test \"\$(stat -c '%a %U' $archive)\" = '600 root'"
  try "and the container goes on" same_pid
  try "without a gap in its log" until_true 60 counted_on "$number"
  try "doctor finds no fault" no_failures
  try "critest's AppArmor tests pass" suite AppArmor

  number=$(last_number)
  try "an upgrade replaces the daemon" install $here/two.tar
  try "the daemon is the new version" is_version 2.0.0
  try "the pod ran on through the upgrade" same_pid
  try "the container's log has no gap" until_true 30 counted_on "$number"
  try "running install.sh again changes nothing" install_again

  number=$(last_number)
  try "an upgrade that doesn't become ready fails" sh -c "! sh $here/install.sh --from $here/broken.tar --ready-timeout 10"
  try "the version before runs again" is_version 2.0.0
  try "and is ready" cri-containerd status --wait 180
  try "the pod ran on through the way back" same_pid
  try "the container's log has no gap then" until_true 30 counted_on "$number"

  number=$(last_number)
  kill -9 "$(unit MainPID)"
  try "systemd starts a daemon that was killed again" cri-containerd status --wait 180
  try "the pod ran on" same_pid
  try "the log has no gap, but for what the pipe held" until_true 30 counted_on "$number"
  systemctl stop cri-containerd.service
  try "stopping the service leaves the pod's processes" kill -0 "$pid"
  systemctl start cri-containerd.service
  try "it is ready after its start" cri-containerd status --wait 180

  try "systemctl status shows it" systemctl status cri-containerd
  systemctl kill -s USR1 cri-containerd
  try "SIGUSR1 switches debug logging on, which the journal has" until_true 60 sh -c 'journalctl -u cri-containerd -p debug..debug -q | grep -q .'
  systemctl kill -s USR1 cri-containerd

  # One that does nothing: what counts is its service.
  printf '[Service]\nExecStart=/bin/sleep infinity\n' >/etc/systemd/system/kubelet.service
  systemctl daemon-reload
  systemctl start kubelet
  systemctl stop kubelet
  try "install.sh --kubelet points the kubelet at the daemon" install $here/two.tar --kubelet
  systemctl start kubelet
  try "and has it started after the daemon" sh -c 'systemctl show -p After --value kubelet.service | grep -q "cri-containerd\.service"'
  touch $here/rebooted
  note "reboot"
  systemctl reboot
}

is_not_ready() { crictl pods -o json | jq -e '[.items[].state] == ["SANDBOX_NOTREADY"]'; }
second_start() {
  note "second start"
  try "the daemon is ready after a reboot" cri-containerd status --wait 240
  try "the pod of before is not ready" is_not_ready
  pod=$(cat $here/pod)
  try "it is stopped" crictl --timeout 120s stopp "$pod"
  try "it is removed" crictl --timeout 120s rmp "$pod"
  try "nothing is left of it" nothing_left
  try "a pod starts anew" start_pod web 1 0
  try "install.sh --purge leaves a node alone on which there are pods" sh -c "! sh $here/install.sh --purge"
  try "and its daemon with it" cri-containerd status
  try "it is removed in one go" crictl --timeout 120s rmp --force "$(cat $here/pod)"
  try "nothing is left then" nothing_left
  crictl rmp --all --force >/dev/null 2>&1
  try "install.sh --purge removes all" sh $here/install.sh --purge
  try "no file of it is left" sh -c '! ls -d /usr/local/bin/cri-containerd /etc/cri-containerd /var/lib/cri-containerd /run/cri-containerd /etc/systemd/system/cri-containerd.service 2>/dev/null'
  finish
}

if [ -e $here/rebooted ]; then second_start; else first_start; fi

#!/bin/sh
# What is tried in a machine with SELinux. Its policy is Debian's, which knows no containers, with the
# types of tests/vm/containers.cil beside; it is permissive, so what is seen is who has which label.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/vm/common.sh
. /opt/vm/common.sh

# pod_json NAME [PRIVILEGED]
pod_json() {
  printf '{"metadata":{"name":"%s","namespace":"default","uid":"uid-%s","attempt":0},"log_directory":"/var/log/pods/%s","linux":{"cgroup_parent":"vmtest.slice","security_context":{"privileged":%s}}}' "$1" "$1" "$1" "${2:-false}"
}

# container_json PRIVILEGED OPTIONS MOUNTS
container_json() {
  printf '{"metadata":{"name":"c%s","attempt":0},"image":{"image":"%s"},"log_path":"c.log","command":["sleep","100000"],"linux":{"security_context":{"privileged":%s,"selinux_options":%s}},"mounts":%s}' "$(date +%s%N)" "$(image)" "$1" "$2" "$3"
}

# create NAME PRIVILEGED OPTIONS MOUNTS makes a container in the pod of that name, and the pod where it isn't there
create() {
  pod_json "$1" "$2" >/tmp/pod.json
  container_json "$2" "$3" "$4" >/tmp/container.json
  [ -e "$here/pod-$1" ] || crictl --timeout 120s runp /tmp/pod.json >"$here/pod-$1" || return 1
  crictl --timeout 120s create "$(cat "$here/pod-$1")" /tmp/container.json /tmp/pod.json >"$here/created" || return 1
}

exec_as() { is_label "$(crictl exec --sync "$(cat "$here/container-$1")" cat /proc/self/attr/current | tr -d '\0')" "$(label_of_pid "$1")"; }
start() { create "$@" && crictl --timeout 120s start "$(cat "$here/created")" && cp "$here/created" "$here/container-$1" && pid_of "$(cat "$here/created")" >"$here/pid-$1"; }
label_of_pid() { tr -d '\0' <"/proc/$(cat "$here/pid-$1")/attr/current"; }
level() { label_of_pid "$1" | cut -d : -f 4-; }
is_label() { [ "$1" = "$2" ] || { echo "$1 instead of $2"; return 1; }; }
is_file() { is_label "$(stat -c %C "$1")" "$2"; }
runs_as() { label_of_pid "$1" | grep -Eqx "$2" || { label_of_pid "$1"; return 1; }; }
mounted_with() { grep " $2 " "/proc/$(cat "$here/pid-$1")/mountinfo" | grep -F "context=\"$3" || { cat "/proc/$(cat "$here/pid-$1")/mountinfo"; return 1; }; }
differ() { [ "$(level one)" != "$(level two)" ]; }
# refused WHY COMMAND…
refused() {
  why=$1
  shift
  if "$@" >/tmp/refusal 2>&1 || ! grep -q "$why" /tmp/refusal; then
    cat /tmp/refusal
    return 1
  fi
}

volumes() {
  mkdir -p /srv/volume/below /srv/other
  echo secret >/srv/outside
  echo kept >/srv/volume/below/file
  ln -sf /srv/outside /srv/volume/link
  restorecon -R /srv
  stat -c '%n %C' /srv/outside /srv/volume /srv/volume/below/file
}

switch_on() {
  printf '[selinux]\nenabled = true\n' >>/etc/cri-containerd/config.toml
  systemctl restart cri-containerd.service
  cri-containerd status --wait 240
}

says() { cri-containerd doctor --json >/tmp/doctor.json; jq -r '.[] | select(.check == "selinux") | .level + " " + .text' /tmp/doctor.json | grep -x "$1" || { cat /tmp/doctor.json; return 1; }; }

note "kernel $(uname -r), SELinux $(cat /sys/fs/selinux/enforce 2>&1), policy version $(cat /sys/fs/selinux/policyvers 2>&1)"
try "the node has SELinux" test -e /sys/fs/selinux/enforce
try "install.sh installs a bundle and the daemon becomes ready" install $here/one.tar
try "the bundle's image is imported" until_true 120 image
try "doctor says that containers get no labels" says 'ok SELinux is permissive; containers get no labels.*'
try "the daemon is ready with SELinux switched on" switch_on
try "doctor says that they get labels" says 'ok SELinux is permissive, and containers are labelled'
try "Status tells tools that it is on" sh -c 'crictl info -o json | jq -e .config.enableSelinux'
try "doctor finds no fault" no_failures
note "the daemon runs as $(tr -d '\0' <"/proc/$(systemctl show -p MainPID --value cri-containerd.service)/attr/current"), containerd as $(tr -d '\0' <"/proc/$(systemctl show -p MainPID --value containerd.service)/attr/current")"

volumes >$console 2>&1
none='{}'
try "a pod runs" start one false "$none" '[{"host_path":"/srv/volume","container_path":"/volume","selinux_relabel":true},{"host_path":"/srv/other","container_path":"/other"}]'
files="system_u:object_r:container_file_t:$(level one)"
note "its level is $(level one)"
try "its process has the type of containers and two categories" runs_as one 'system_u:system_r:container_t:s0:c[0-9]+,c[0-9]+'
try "its pod's own process has the same" sh -c "tr -d '\0' </proc/\$(crictl inspectp \$(cat $here/pod-one) | jq .info.pid)/attr/current | grep -x '$(label_of_pid one)'"
try "its root filesystem has the label of files on its level" mounted_with one / "$files"
try "its /dev/shm has it" mounted_with one /dev/shm "$files"
for file in hosts hostname resolv.conf; do
  try "its $file has it" is_file "/var/lib/cri-containerd/sandboxes/$(cat $here/pod-one)/$file" "$files"
done
try "the volume that asks for it has it" is_file /srv/volume "$files"
try "and all below it" is_file /srv/volume/below/file "$files"
try "and a link itself" is_file /srv/volume/link "$files"
try "but not what that leads to" is_file /srv/outside "$(stat -c %C /srv)"
try "nor a volume that doesn't ask" is_file /srv/other "$(stat -c %C /srv)"
before=$(stat -c %C /etc)
try "no pod may relabel /etc" refused "is the system's and keeps its labels" create one false "$none" '[{"host_path":"/etc","container_path":"/etc2","selinux_relabel":true}]'
try "and /etc is as it was" is_file /etc "$before"
try "exec runs with the container's label" exec_as one
try "another pod runs" start two false "$none" '[]'
try "on another level" differ
try "a pod with a type and level of its own runs" start own false '{"type":"svirt_lxc_net_t","level":"s0:c4,c5"}' '[]'
try "with both" runs_as own 'system_u:system_r:svirt_lxc_net_t:s0:c4,c5'
try "a container on a level that is none is refused" refused 'is not like s0:c1,c2' create two false '{"level":"s0,c4"}' '[]'
try "a privileged pod runs" start spc true "$none" '[]'
try "with the type that the policy gives those" runs_as spc '.*:system_r:spc_t:.*'
try "and its files have a level all the same" mounted_with spc / 'system_u:object_r:container_file_t:s0:c'
try "the records keep the labels" sh -c "ctr -n k8s.io containers info $(cat $here/pod-one) | grep -q '$(level one)'"

kill -9 "$(systemctl show -p MainPID --value cri-containerd.service)"
try "the daemon is ready after a kill" cri-containerd status --wait 240
old=$(label_of_pid one)
try "a container that is made after that" start one false "$none" '[]'
try "has its pod's label" is_label "$(label_of_pid one)" "$old"
try "critest's SELinux tests pass" suite SELinux
crictl --timeout 120s rmp --all --force >/dev/null
try "nothing is left of them" nothing_left
finish

#!/usr/bin/env bash
# make_images.sh DIR: builds every image that the suite pulls, from Debian packages alone, into a
# registry's storage in DIR/registry. Nothing is done when DIR is what this script makes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
die() { echo "make_images.sh: $*" >&2; exit 1; }

[ $# = 1 ] || { echo "usage: make_images.sh DIR" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
stamp=$(sha256sum < "${BASH_SOURCE[0]}" | cut -d' ' -f1)
[ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ] && exit 0

missing=
for tool in skopeo docker-registry jq curl tar gzip ldd dpkg-deb apt-get; do
  command -v $tool > /dev/null || missing="$missing $tool"
done
[ -z "$missing" ] || die "missing:$missing (apt-get install skopeo docker-registry jq curl)"
case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) die "no images for a $(uname -m)" ;;
esac

echo "Building the images of the suite in $out" >&2
work=$(mktemp -d "${TMPDIR:-/tmp}/critest-images.XXXXXX")
registry_pid=
clean_up() {
  if [ -n "$registry_pid" ]; then kill "$registry_pid" 2>/dev/null || :; fi
  rm -rf "$work"
}
trap clean_up EXIT

# --- Programs: from packages that are downloaded, not installed -----------------------------------

# The dynamic busybox, for the static one runs its own applets before the files in /bin, and a test
# masks the file /bin/ls.
mkdir -p "$out/debs" "$work/packages"
download() { (cd "$out/debs" && apt-get download -qq "$1" 2> /dev/null); }
for package in busybox nginx nginx-common catatonit; do
  ls "$out/debs/${package}_"*.deb > /dev/null 2>&1 || download "$package" ||
    { apt-get update -qq && download "$package"; } || die "apt-get download $package failed"
done
for deb in "$out"/debs/*.deb; do dpkg-deb -x "$deb" "$work/packages"; done

# put_program FILE PATH ROOT: copies a program and the libraries that it needs.
put_program() {
  local file=$1 path=$2 root=$3 library libraries
  install -D -m 755 "$file" "$root$path"
  libraries=$(ldd "$file" 2> /dev/null) || return 0
  case $libraries in
  *'not found'*) die "$file: $(grep 'not found' <<< "$libraries") (install that library here)" ;;
  esac
  grep -o '/[^ ]*' <<< "$libraries" | grep -v '^/.*:$' | while read -r library; do
    [ -e "$root$library" ] || install -D -m 755 "$(readlink -f "$library")" "$root$library"
  done
}

# --- Root file systems, one layer each ------------------------------------------------------------

base=$work/base
mkdir -p "$base"/{bin,dev,etc,home,proc,root,run,sys,var/tmp,var/log}
mkdir -m 1777 "$base/tmp"
chmod 1777 "$base/var/tmp"
ln -s ../run "$base/var/run"
put_program "$work/packages/bin/busybox" /bin/busybox "$base"
# Hard links: with symbolic ones, masking /bin/ls would mask /bin/sh too.
for applet in $("$base/bin/busybox" --list); do
  [ "$applet" = busybox ] || ln "$base/bin/busybox" "$base/bin/$applet"
done
# Two programs that Debian leaves out of its busybox.
cat > "$base/bin/pgrep" << 'SH'
#!/bin/sh
# pgrep NAME: pids whose command name contains NAME
status=1
for folder in /proc/[0-9]*; do
  name=; read -r name 2>/dev/null < "$folder/comm" || continue
  case $name in *"$1"*) [ "${folder#/proc/}" = $$ ] || { echo "${folder#/proc/}"; status=0; } ;; esac
done
exit $status
SH
cat > "$base/bin/ipcs" << 'SH'
#!/bin/sh
# ipcs [-m]: shared memory segments alone
echo "------ Shared Memory Segments --------"
awk 'NR > 1 { print $1, $2, $4 }' /proc/sysvipc/shm
SH
chmod 755 "$base/bin/pgrep" "$base/bin/ipcs"
cat > "$base/etc/passwd" << 'TEXT'
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
TEXT
cat > "$base/etc/group" << 'TEXT'
root:x:0:
daemon:x:1:
bin:x:2:
www-data:x:33:
nogroup:x:65534:
TEXT

# nginx: tests look for its pid in /var/run/nginx.pid and for the title of its master process.
web=$work/web
mkdir -p "$web"/var/{lib,log}/nginx "$web"/etc/nginx/conf.d "$web"/usr/share/nginx/html
put_program "$work/packages/usr/sbin/nginx" /usr/sbin/nginx "$web"
cp "$work/packages/etc/nginx/mime.types" "$web/etc/nginx/"
echo '<html><body>nginx answers</body></html>' > "$web/usr/share/nginx/html/index.html"
cat > "$web/etc/nginx/nginx.conf" << 'TEXT'
user www-data;
worker_processes 1;
pid /var/run/nginx.pid;
error_log stderr;
events { worker_connections 64; }
http { include mime.types; access_log off; include conf.d/*.conf; }
TEXT
nginx_on() {
  echo "server { listen $1; location / { root /usr/share/nginx/html; index index.html; } }"
}
nginx_on 80 > "$web/etc/nginx/conf.d/default.conf"
host_web=$work/host_web
mkdir -p "$host_web/etc/nginx/conf.d"
nginx_on 12003 > "$host_web/etc/nginx/conf.d/default.conf"

# httpd: must name itself in its log and answer on port 80.
httpd=$work/httpd
mkdir -p "$httpd/www"
echo '<html><body>httpd answers</body></html>' > "$httpd/www/index.html"

# nonewprivs: a set-user-ID program that tells whom it runs as.
suid=$work/suid
put_program "$(command -v id)" /usr/bin/id-suid "$suid"
chmod 4755 "$suid/usr/bin/id-suid"
cat > "$suid/nnp" << 'SH'
#!/bin/sh
echo "Effective uid: $(/usr/bin/id-suid -u)"
SH
chmod 755 "$suid/nnp"

# predefined-group: user 1000 is in group 50000 too.
groups=$work/groups
mkdir -p "$groups/etc"
{
  cat "$base/etc/passwd"
  echo 'default-user:x:1000:1000::/home:/bin/sh'
} > "$groups/etc/passwd"
{
  cat "$base/etc/group"
  echo 'default-user:x:1000:'
  echo 'group-defined-in-image:x:50000:default-user'
} > "$groups/etc/group"

# pause: catatonit -P waits for ever.
pause=$work/pause
install -D -m 755 "$work/packages/usr/bin/catatonit" "$pause/pause"

# --- An OCI layout of all of them -----------------------------------------------------------------

oci=$work/oci
mkdir -p "$oci/blobs/sha256"
echo '{"imageLayoutVersion":"1.0.0"}' > "$oci/oci-layout"
: > "$work/index"
names=()
digest=
declare -A diff_id layer_descriptor

# put_blob FILE: moves it into the layout and prints its digest.
put_blob() {
  local sum
  sum=$(sha256sum "$1" | cut -d' ' -f1)
  mv "$1" "$oci/blobs/sha256/$sum"
  echo "sha256:$sum"
}

# describe MEDIA_TYPE DIGEST: prints the descriptor of a blob.
describe() {
  local size
  size=$(stat -c %s "$oci/blobs/sha256/${2#sha256:}")
  jq -nc --arg type "$1" --arg digest "$2" --argjson size "$size" \
    '{mediaType: $type, digest: $digest, size: $size}'
}

# layer NAME FOLDER: always the same bytes for the same files, so that digests stay.
layer() {
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu \
    -C "$2" -cf "$work/tar" .
  diff_id[$1]=sha256:$(sha256sum "$work/tar" | cut -d' ' -f1)
  gzip -n -1 < "$work/tar" > "$work/tar.gz"
  layer_descriptor[$1]=$(describe application/vnd.oci.image.layer.v1.tar+gzip \
    "$(put_blob "$work/tar.gz")")
}

# marker NAME: a layer of one file, which sets an image apart.
marker() {
  mkdir -p "$work/marker-$1"
  echo "$1" > "$work/marker-$1/$1"
  layer "$1" "$work/marker-$1"
}

# image NAME index|plain CONFIG LAYER…: an index is what images of several platforms have.
image() {
  local name=$1 kind=$2 config=$3 layer diff_ids=() layers=() descriptor
  shift 3
  for layer; do
    diff_ids+=("\"${diff_id[$layer]}\"")
    layers+=("${layer_descriptor[$layer]}")
  done
  jq -nc --arg arch $arch --argjson config "$config" \
    --argjson diffs "[$(IFS=,; echo "${diff_ids[*]}")]" \
    '{created: "1970-01-01T00:00:00Z", architecture: $arch, os: "linux",
      config: ({Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]} + $config),
      rootfs: {type: "layers", diff_ids: $diffs}}' > "$work/json"
  descriptor=$(describe application/vnd.oci.image.config.v1+json "$(put_blob "$work/json")")
  jq -nc --argjson config "$descriptor" --argjson layers "[$(IFS=,; echo "${layers[*]}")]" \
    '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: $config, layers: $layers}' > "$work/json"
  descriptor=$(describe application/vnd.oci.image.manifest.v1+json "$(put_blob "$work/json")")
  if [ "$kind" = index ]; then
    jq -nc --arg arch $arch --argjson manifest "$descriptor" \
      '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [$manifest + {platform: {architecture: $arch, os: "linux"}}]}' > "$work/json"
    descriptor=$(describe application/vnd.oci.image.index.v1+json "$(put_blob "$work/json")")
  fi
  jq -c --arg name "$name" '. + {annotations: {"org.opencontainers.image.ref.name": $name}}' \
    <<< "$descriptor" >> "$work/index"
  names+=("$name")
  digest=$(jq -r .digest <<< "$descriptor")
}

layer base "$base"
layer web "$web"
layer host-web "$host_web"
layer httpd "$httpd"
layer suid "$suid"
layer groups "$groups"
layer pause "$pause"

e2e="e2e-test-images"
staging="k8s-staging-cri-tools"
sh='{"Cmd":["sh"]}'
nginx='{"Cmd":["nginx","-g","daemon off;"],"StopSignal":"SIGQUIT"}'
exposed='{"ExposedPorts":{"80/tcp":{}}}'
httpd_cmd='{"Cmd":["sh","-c","echo httpd: listening on port 80; exec httpd -f -p 80 -h /www"]}'
merged() { jq -nc --argjson a "$1" --argjson b "$2" '$a + $b'; }

image $e2e/busybox:1.29-2 index "$sh" base
image $e2e/nginx:1.14-2 index "$(merged "$nginx" "$exposed")" base web
image $e2e/httpd:2.4.39-4 index "$(merged "$httpd_cmd" "$exposed")" base httpd
image $e2e/nonewprivs:1.3 index '{"Entrypoint":["/nnp"]}' base suid
image $staging/hostnet-nginx-$arch:latest plain "$nginx" base web host-web
for i in 1 2 3 latest; do
  marker test-image-$i
  image $staging/test-image-$i:latest index "$sh" base test-image-$i
done
marker test-image-digest
image $staging/test-image-digest:latest index "$sh" base test-image-digest
test_digest=$digest
marker one-image
for i in 1 2 3; do image $staging/test-image-tags:$i index "$sh" base one-image; done
for i in test all; do
  marker tag-$i
  image $staging/test-image-tag:$i index "$sh" base tag-$i
done
with_user() { image "$staging/test-image-user-$1:latest" index "{\"Cmd\":[\"sh\"],\"User\":\"$2\"}" base; }
with_user uid 1002
with_user username www-data
with_user uid-group 1003:1004
with_user username-group www-data:1004
image $staging/test-image-predefined-group:latest index '{"Cmd":["sh"],"User":"1000"}' base groups
image pause:3.9 index '{"Entrypoint":["/pause","-P"]}' pause
# For a server that needs a sandbox image. Not the same image as pause:3.9, for the suite counts the
# tags of that one and removes it by its id.
image pause:sandbox index '{"Entrypoint":["/pause","-P"],"Labels":{"use":"sandbox"}}' pause
jq -sc '{schemaVersion: 2, manifests: .}' "$work/index" > "$oci/index.json"

# --- Into a registry's storage --------------------------------------------------------------------

port=
for candidate in $(shuf -i 20000-29999 -n 50); do
  (exec 3<> "/dev/tcp/127.0.0.1/$candidate") 2> /dev/null || { port=$candidate; break; }
done
mkdir "$work/registry"
"$here/registry.sh" "$work/registry" "$port" > "$work/registry.log" 2>&1 < /dev/null &
registry_pid=$!
curl -fs -o /dev/null --retry 50 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/v2/" ||
  die "the registry doesn't start: $(tail -3 "$work/registry.log")"
for name in "${names[@]}"; do
  skopeo copy -q --all --preserve-digests --dest-tls-verify=false \
    "oci:$oci:$name" "docker://127.0.0.1:$port/$name" || die "$name can't be pushed"
done
kill "$registry_pid"
wait "$registry_pid" 2> /dev/null || :
registry_pid=
rm -rf "$out/registry"
mv "$work/registry" "$out/registry"
echo "$test_digest" > "$out/test-digest"
echo "$stamp" > "$out/stamp"

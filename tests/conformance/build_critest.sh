#!/usr/bin/env bash
# build_critest.sh DIR PORT: builds DIR/critest-PORT, the suite with its image names pointing at the
# registry on 127.0.0.1:PORT, and DIR/bin/ginkgo, which it runs parallel tests with.
#
# Names are compiled in: -registry-prefix loses the tag, isn't used when containers are created, and
# the tests compare whole names. So eight lines of the unchanged source are replaced, counted, and
# left to read in DIR/critest-PORT.diff. "The other registry" is the same one as localhost:PORT.
set -euo pipefail
VERSION=v1.36.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../tools/go.sh
. "$here/../tools/go.sh"
die() { echo "build_critest.sh: $*" >&2; exit 1; }

[ $# = 2 ] || { echo "usage: build_critest.sh DIR PORT" >&2; exit 2; }
dir=$1 port=$2 registry=127.0.0.1:$2
[ -s "$dir/test-digest" ] || die "no images in $dir: run make_images.sh $dir first"
digest=$(cat "$dir/test-digest")
binary=$dir/critest-$port
want="$VERSION $port $digest $(sha256sum < "${BASH_SOURCE[0]}")"
[ -x "$binary" ] && [ "$(cat "$binary.built" 2>/dev/null)" = "$want" ] && exit 0
go=$(find_go) || die "no Go on PATH or in /usr/local/go; install Go 1.26 or newer"

echo "Building critest $VERSION for the registry on $registry" >&2
work=$(mktemp -d "${TMPDIR:-/tmp}/critest-build.XXXXXX")
trap 'rm -rf "$work"' EXIT
go_source sigs.k8s.io/cri-tools "$VERSION" "$work/a"
cp -r "$work/a" "$work/b"
cd "$work/b"

sed -i -E "s#\"gcr\.io/k8s-staging-cri-tools/\"#\"$registry/k8s-staging-cri-tools/\"#
  s#(registry \+ \"test-image-digest)@sha256:[0-9a-f]{64}#\1@$digest#
  s#\"registry\.k8s\.io/pause:#\"$registry/pause:#
  s#\"k8s\.gcr\.io/pause:#\"localhost:$port/pause:#" pkg/validate/consts.go
sed -i -E "s#(DefaultRegistryPrefix *= )\"registry\.k8s\.io\"#\1\"$registry\"#" \
  pkg/framework/test_context.go
# A name's tag is looked for behind any colon; the port has one too.
sed -i 's#strings.Contains(imageName, ":")#strings.Contains(imageName[strings.LastIndex(imageName, "/")+1:], ":")#' \
  pkg/framework/util.go pkg/validate/security_context_linux.go
(cd .. && diff -ru a b > "$binary.diff") || :
changed=$(grep -c '^+[^+]' "$binary.diff") || :
[ "$changed" = 8 ] || die "$changed lines changed instead of 8, see $binary.diff"

export GOFLAGS="-buildvcs=false -mod=mod" CGO_ENABLED=0
nice "$go" test -c -o "$binary" ./cmd/critest
nice "$go" build -o "$dir/bin/ginkgo" github.com/onsi/ginkgo/v2/ginkgo
echo "$want" > "$binary.built"

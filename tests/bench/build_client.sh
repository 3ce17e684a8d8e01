#!/usr/bin/env bash
# build_client.sh PROGRAM: build the benchmark's client; Go itself knows whether it has to.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../tools/go.sh
. "$here/../tools/go.sh"

go=$(find_go) || { echo "Cannot build the client: no Go on PATH or in /usr/local/go; install Go 1.26 or newer" >&2; exit 1; }
cd "$here/client"
GOFLAGS=-buildvcs=false CGO_ENABLED=0 "$go" build -o "$1" .

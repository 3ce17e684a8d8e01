#!/usr/bin/env bash
# registry.sh DIR PORT: serves the images in DIR on http://127.0.0.1:PORT until it is ended.
# It becomes the registry's process, so that whoever starts it can end it by its pid.
set -euo pipefail
[ $# = 2 ] || { echo "usage: registry.sh DIR PORT" >&2; exit 2; }
conf=$1/registry-$2.yml
cat > "$conf" <<YAML
version: 0.1
log: { level: warn, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: $1 } }
http: { addr: "127.0.0.1:$2", secret: conformance }
YAML
exec docker-registry serve "$conf"

# Sourced by scripts that build a Go program from the module proxy: find a Go, fetch a module.
# shellcheck shell=bash

# find_go prints the go command of this machine, or nothing and fails.
find_go() {
  command -v go && return
  [ -x /usr/local/go/bin/go ] && echo /usr/local/go/bin/go
}

# go_source MODULE VERSION DIR puts a writable copy of the module's source into the new folder DIR.
# The module cache itself is read-only, and a build with -mod=mod writes to go.mod.
go_source() {
  local module=$1 version=$2 dir=$3 cached
  cached=$(cd / && "$(find_go)" mod download -json "$module@$version" |
    sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p')
  [ -n "$cached" ] || { echo "Cannot download $module@$version: no Go module proxy answers" >&2; return 1; }
  cp -r --no-preserve=mode "$cached" "$dir"
}

# go_build DIR ARG… runs `go build ARG…` in a folder made by go_source.
go_build() {
  local dir=$1
  shift
  (cd "$dir" && GOFLAGS="-buildvcs=false -mod=mod" "$(find_go)" build "$@")
}

#!/bin/sh
# Builds the rate limit service, once, and runs that command with RATELIMIT naming it. What is missing is a named skip.
# Usage: e2e/fleet.sh TOOLS_DIRECTORY COMMAND ARGUMENT…
set -eu
tools=$1
shift

# The version that Envoy Gateway 1.9.1 is built with. Images are tagged with the first eight digits of the commit:
# envoy-configs/global-budget/docker-compose.yaml names the same, which a test compares.
version=v1.4.1-0.20260122083618-3fb702589d36

skip() {
  echo "SKIPPED: the budget of a fleet: $1"
  exit 0
}

command -v redis-server >/dev/null 2>&1 || skip "redis-server was not found (install Redis)"

bin=$tools/ratelimit/$version
if [ ! -x "$bin/service_cmd" ]; then
  # Where Go's own archive is unpacked, and where no login shell may have been told of it.
  PATH=$PATH:/usr/local/go/bin
  command -v go >/dev/null 2>&1 || skip "go was not found (install Go 1.21 or newer: https://go.dev/dl)"
  # From 1.21 on, Go fetches the newer toolchain that a module asks for.
  minor=$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
  [ "${minor:-0}" -ge 21 ] || skip "$(go env GOVERSION) is too old (install Go 1.21 or newer: https://go.dev/dl)"
  echo "building envoyproxy/ratelimit $version into $bin, once" >&2
  mkdir -p "$bin"
  GOBIN=$bin GOTOOLCHAIN=auto GOFLAGS= CGO_ENABLED=0 go install "github.com/envoyproxy/ratelimit/src/service_cmd@$version"
fi

RATELIMIT=$bin/service_cmd
export RATELIMIT
exec "$@"

#!/bin/sh
# Builds Envoy Gateway and a checker of manifests (e2e/apiserver), once, and runs that command with ENVOY_GATEWAY, APISERVER and CRDS naming them
# and the definitions of the resources. What is missing is a failure with a hint, or a named skip
# where the first argument is --or-skip.
# Usage: e2e/gateway.sh [--or-skip] TOOLS_DIRECTORY COMMAND ARGUMENT…
set -eu
skips=
if [ "$1" = --or-skip ]; then
  skips=yes
  shift
fi
tools=$1
shift

# The manifests say which Envoy Gateway they are for: envoy-configs/gateway-api/llm-router.yaml.
version=v1.9.1
# The Gateway API that it is built with, and what else the manifests of envoy-configs/ have resources of.
gateway_api=v1.6.1
cert_manager=v1.21.2
keda=v2.21.0

missing() {
  if [ -n "$skips" ]; then
    echo "SKIPPED: Envoy Gateway: $1 ($2)"
    exit 0
  fi
  printf '%s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

command -v docker-registry >/dev/null 2>&1 || missing "docker-registry was not found" "Debian's package has that name"
command -v unshare >/dev/null 2>&1 || missing "unshare was not found" "it is util-linux's, and Linux's alone"

# `lab gateway` tells the others itself.
own_user=
[ "$(id -u)" -eq 0 ] || own_user="--user --map-root-user"
# shellcheck disable=SC2086 # none or two words
[ -z "$skips" ] || unshare $own_user --mount -- true 2>/dev/null ||
  missing "no mount namespace is to be had here" "run it as root, or where unprivileged user namespaces are allowed"

# Where Go's own archive is unpacked, and where no login shell may have been told of it.
PATH=$PATH:/usr/local/go/bin

ready() {
  command -v go >/dev/null 2>&1 || missing "go was not found" "install Go 1.21 or newer: https://go.dev/dl"
  # From 1.21 on, Go fetches the newer toolchain that a module asks for.
  minor=$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
  [ "${minor:-0}" -ge 21 ] || missing "$(go env GOVERSION) is too old" "install Go 1.21 or newer: https://go.dev/dl"
  export GOTOOLCHAIN=auto GOFLAGS='' CGO_ENABLED=0
}

bin=$tools/envoy-gateway/$version
if [ ! -f "$bin/.complete" ]; then
  ready
  echo "building Envoy Gateway $version into $bin, once; it takes some minutes" >&2
  rm -rf "$bin"
  mkdir -p "$bin"
  GOBIN="$bin" go install -ldflags='-s -w' "github.com/envoyproxy/gateway/cmd/envoy-gateway@$version"
  : > "$bin/.complete"
fi

# The checker and the definitions belong together; another source or another version is another directory.
source=$(dirname "$0")/apiserver
checker=$tools/apiserver/$version-$gateway_api-$cert_manager-$keda-$(cat "$source/main.go" "$source/go.mod" "$source/go.sum" | cksum | cut -d' ' -f1)
if [ ! -f "$checker/.complete" ]; then
  ready
  echo "building the checker of manifests into $checker, once" >&2
  rm -rf "$checker"
  mkdir -p "$checker/crds"
  (cd "$source" && go build -ldflags='-s -w' -o "$checker/apiserver" .)
  # Modules carry the definitions of what they define.
  for module in "github.com/envoyproxy/gateway@$version" "sigs.k8s.io/gateway-api@$gateway_api" \
    "github.com/cert-manager/cert-manager@$cert_manager" "github.com/kedacore/keda/v2@$keda"; do
    go mod download "$module"
  done
  modules=$(go env GOMODCACHE)
  for file in "$modules/github.com/envoyproxy/gateway@$version/charts/gateway-crds-helm/templates/generated"/*.yaml \
    "$modules/sigs.k8s.io/gateway-api@$gateway_api/config/crd/standard"/*.yaml \
    "$modules/github.com/cert-manager/cert-manager@$cert_manager/deploy/crds"/*.yaml \
    "$modules/github.com/kedacore/keda/v2@$keda/config/crd/bases"/*.yaml; do
    # A chart's file has a condition around it.
    sed '/^{{/d' "$file" > "$checker/crds/$(basename "$file")"
  done
  : > "$checker/.complete"
fi

ENVOY_GATEWAY=$bin/envoy-gateway APISERVER=$checker/apiserver CRDS=$checker/crds
export ENVOY_GATEWAY APISERVER CRDS
exec "$@"

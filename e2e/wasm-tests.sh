#!/bin/sh
# Runs the core crates' tests for 32-bit WebAssembly under Node.
# Usage: e2e/wasm-tests.sh TOOLS_DIRECTORY CRATE…
set -eu
tools=$1
shift

if ! command -v node >/dev/null 2>&1; then
  echo "SKIPPED: the core's tests under Node: node was not found (install Node.js 18 or newer)"
  exit 0
fi

# Test code and runner speak a protocol that changes with every release: both must be of one version.
version=$(awk '$1 == "name" && $3 == "\"wasm-bindgen\"" { found = 1 } found && $1 == "version" { gsub("\"", "", $3); print $3; exit }' Cargo.lock)
[ -n "$version" ] || { printf 'Cargo.lock names no wasm-bindgen\nhint: run `cargo generate-lockfile`\n' >&2; exit 1; }

runner=$tools/bin/wasm-bindgen-test-runner
if ! "$runner" --version 2>/dev/null | grep -q " $version\$"; then
  echo "installing wasm-bindgen-cli $version into $tools, once" >&2
  # A mirror that lags behind crates.io may lack a release of the tool's own lock file; then the newest that fit will do.
  "${CARGO:-cargo}" install wasm-bindgen-cli --version "$version" --locked --quiet --root "$tools" ||
    "${CARGO:-cargo}" install wasm-bindgen-cli --version "$version" --quiet --root "$tools"
fi

packages=
for crate in "$@"; do packages="$packages -p $crate"; done
# shellcheck disable=SC2086 # one word for each crate
CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$runner \
  exec "${CARGO:-cargo}" test --locked --target wasm32-unknown-unknown $packages --lib --tests

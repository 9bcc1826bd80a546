#!/bin/sh
# Runs cargo-deny with those arguments: the installed one, or one of its own.
# Usage: e2e/cargo-deny.sh TOOLS_DIRECTORY ARGUMENT…
set -eu
tools=$1
shift
PATH=$tools/bin:$PATH
if ! command -v cargo-deny >/dev/null 2>&1; then
  echo "installing cargo-deny into $tools, once" >&2
  # As for wasm-bindgen-cli: a mirror may lack a release of the tool's own lock file.
  "${CARGO:-cargo}" install cargo-deny --locked --quiet --root "$tools" || "${CARGO:-cargo}" install cargo-deny --quiet --root "$tools"
fi
exec cargo-deny "$@"

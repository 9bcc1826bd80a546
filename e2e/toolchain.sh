#!/bin/sh
# Makes sure that Rust, that target of it, and Python are there; one line and a hint for what is not.
# Usage: e2e/toolchain.sh TARGET
set -eu
target=$1

fail() {
  printf '%s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

command -v "${CARGO:-cargo}" >/dev/null 2>&1 || fail "cargo was not found" "install Rust: https://rustup.rs"
command -v rustc >/dev/null 2>&1 || fail "rustc was not found" "install Rust: https://rustup.rs"
command -v "${PYTHON:-python3}" >/dev/null 2>&1 || fail "${PYTHON:-python3} was not found" "install Python 3.10 or newer"

# Installed where rustc itself would look for it, so a distribution's Rust without rustup will do.
installed() {
  libraries=$(rustc --print target-libdir --target "$target" 2>/dev/null) && ls "$libraries"/libcore-*.rlib >/dev/null 2>&1
}

if ! installed; then
  command -v rustup >/dev/null 2>&1 || \
    fail "this Rust has no $target target, and there is no rustup to add it" \
         "install Rust by rustup (https://rustup.rs), or your distribution's package with the $target standard library"
  echo "adding the Rust target $target" >&2
  rustup target add "$target" >&2 || fail "rustup could not add the target $target" "check the network and try again"
  installed || fail "rustup added $target, but rustc does not find it" "which rustc is it? It should be rustup's own"
fi

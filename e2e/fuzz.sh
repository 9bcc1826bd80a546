#!/bin/sh
# Runs every fuzz target of filters/fuzz for some seconds each, from its seeds and from what earlier runs found.
# Usage: e2e/fuzz.sh TOOLS_DIRECTORY SECONDS
set -eu
tools=$1
seconds=$2

if ! cargo +nightly --version >/dev/null 2>&1; then
  printf 'the sanitizers need a nightly compiler\nhint: rustup toolchain install nightly\n' >&2
  exit 1
fi
PATH=$tools/bin:$PATH
if ! cargo fuzz --version >/dev/null 2>&1; then
  echo "installing cargo-fuzz into $tools, once" >&2
  "${CARGO:-cargo}" install cargo-fuzz --quiet --root "$tools"
fi

# A target directory of its own: what the sanitizers need is built unlike everything else.
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/fuzz
export CARGO_TARGET_DIR
for target in $(cargo +nightly fuzz list --fuzz-dir filters/fuzz); do
  echo "fuzzing $target for $seconds seconds"
  mkdir -p "filters/fuzz/corpus/$target"
  cargo +nightly fuzz run --fuzz-dir filters/fuzz "$target" "filters/fuzz/corpus/$target" "filters/fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -print_final_stats=1
done

#!/bin/sh
# Prints the sizes of the built filters, and fails where ai-provider is larger than it may be.
# Usage: e2e/wasm-sizes.sh DIRECTORY
set -eu
# Every Envoy worker holds a compiled copy, and an OCI registry and xDS carry it.
provider_limit=1048576

for module in ai_gateway ai_provider; do
  file=$1/$module.wasm
  [ -f "$file" ] || { printf '%s was not built\nhint: look at cargo'\''s messages above\n' "$file" >&2; exit 1; }
  size=$(($(wc -c < "$file")))
  printf '%-17s %8d bytes (%d KiB)\n' "$module.wasm" "$size" "$((size / 1024))" >&2
  if [ "$module" = ai_provider ] && [ "$size" -gt "$provider_limit" ]; then
    printf 'ai_provider.wasm is larger than %d bytes\nhint: what did the last change pull in? `cargo tree -p ai-provider` tells\n' \
      "$provider_limit" >&2
    exit 1
  fi
done

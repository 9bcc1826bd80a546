#!/bin/sh
# Runs that command where Prometheus is installed. Where it is not, that is a named skip.
# Usage: e2e/prometheus.sh COMMAND ARGUMENT…
set -eu

for program in prometheus promtool; do
  command -v "$program" >/dev/null 2>&1 || {
    echo "SKIPPED: autoscaling: $program was not found (Debian's package is prometheus)"
    exit 0
  }
done

exec "$@"

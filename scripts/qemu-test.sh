#!/bin/sh
# Environment variables in, `cargo nexus test-os` out (docs/testing/index.md).
#   RUN_UNTIL_MARKER  1 ends at the verdict, 0 at the time limit, a text at that console line
#   RUN_TIMEOUT       time limit, as 190s
set -eu
export RUN_UNTIL_MARKER="${RUN_UNTIL_MARKER:-1}" RUN_TIMEOUT="${RUN_TIMEOUT:-190s}"
exec "$(dirname "$0")/nexus" test-os "$@"

#!/bin/bash
# Puts itself into control groups, then becomes COMMAND.
#   in-groups.sh GROUP… -- COMMAND…
set -euo pipefail
while [ "$1" != -- ]; do
  echo $$ >"$1/cgroup.procs"
  shift
done
shift
exec "$@"

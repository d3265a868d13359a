#!/bin/bash
# Owns what a sandbox leaves in the machine: its directory and its control groups. Makes them, says "ready",
# waits for the end of its standard input (the launcher holds the other end, so this comes even if the launcher
# is killed with -9), and then ends what still runs and removes both. Whatever an earlier reaper could not
# remove (power cut) is removed at the start: a directory whose lock nobody holds belongs to nobody.
#   reap.sh RUN_DIRECTORY ID CGROUP2_MOUNT OTHER_CGROUP_MOUNT…
set -uo pipefail
runs=$1 id=$2
shift 2
mounts=("$@")

remove() { # ID
  local mount group left
  for _ in {1..200}; do
    left=
    for mount in "${mounts[@]}"; do
      group=$mount/everspot-$1
      [ -d "$group" ] || continue
      if [ -e "$group/cgroup.kill" ]; then
        find "$group" -name cgroup.freeze -exec sh -c 'echo 0 >"$1"' _ {} \; 2>/dev/null
        echo 1 >"$group/cgroup.kill"
      fi
      find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null
      [ ! -d "$group" ] || left=1
    done
    [ -n "$left" ] || rm -rf --one-file-system "${runs:?}/$1" 2>/dev/null
    [ -n "$left" ] || [ -e "$runs/$1" ] || return 0
    sleep 0.05
  done
  echo "could not remove everything of sandbox $1" >&2
}

mkdir -p "$runs/.new-$id/tmp" || exit 1
chmod 711 "$runs/.new-$id"
exec 9>"$runs/.new-$id/lock"
flock 9
mv "$runs/.new-$id" "$runs/$id"

for other in "$runs"/*/; do
  other=$(basename "$other")
  [ "$other" = "$id" ] || [ ! -e "$runs/$other/lock" ] || ! flock -n "$runs/$other/lock" true || remove "$other"
done

mkdir -p "${mounts[0]}/everspot-$id/main" || exit 1
echo ready
trap '' INT TERM HUP
cat >/dev/null
remove "$id"

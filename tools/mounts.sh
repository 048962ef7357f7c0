#!/usr/bin/env bash
# Mounts the file systems that the agent works with where this machine has not mounted them, and says so.
set -euo pipefail

# type | where | what for
while read -r type where why; do
  if awk -v t="$type" -v w="$where" '$3 == t && $2 == w { found = 1 } END { exit !found }' /proc/mounts; then continue; fi
  if [ "$(id -u)" != 0 ]; then
    printf 'mounts: %s is not mounted, and mounting needs root; run:\n  sudo mount -t %s %s %s\n' "$type" "$type" "$type" "$where" >&2
    exit 1
  fi
  echo "mounts: mount -t $type $type $where ($why)"
  mount -t "$type" "$type" "$where"
done <<'END'
bpf /sys/fs/bpf result maps are pinned there, so that counters survive a restart of the agent
tracefs /sys/kernel/tracing the ids of tracepoints are read there
END

#!/bin/sh
# Measures timelines of a Windows disk beside fls, and the sorting of events: peers_timeline.sh DIR
# DIR holds windows-base.raw, as peers_windows.sh has it. Prints wall and processor seconds, and peak KiB.
set -eu
disk=$1/windows-base.raw
vminspect=${VMINSPECT:-target/profiling/vminspect}
sort_events=${SORT_EVENTS:-target/profiling/examples/sort_events}
out=$(mktemp)
trap 'rm -f "$out"' EXIT

measure() {
    name=$1
    shift
    for run in 0 1 2 3 4; do
        /usr/bin/time -f "$name run $run: %e s, %U + %S s, %M KiB" "$@" >"$out"
    done
}

measure fls fls -r -m / -o 2048 "$disk"
measure bodyfile "$vminspect" timeline --format bodyfile "$disk"
measure jsonl "$vminspect" timeline --format jsonl "$disk"
measure sort "$sort_events" 10000000 448
cat "$out"

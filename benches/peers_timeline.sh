#!/usr/bin/env bash
# Measures vminspect on a change journal beside reading its bytes, its timelines of a Windows disk beside The Sleuth Kit, and
# the sorting of ten million events, all in one run, and prints a table of medians. Needs hyperfine, sleuthkit, python3
# and GNU time.
#
#   benches/peers_timeline.sh JOURNAL DISK SECTOR
#
# JOURNAL holds the bytes of a stream $J. DISK is a raw image whose NTFS volume begins at SECTOR. $PROGRAM is the program to
# measure, $SORT_EVENTS the example `sort_events` of the analysis crate.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/measure.sh"
journal=$1 disk=$2 sector=$3
program=${PROGRAM:-$here/../target/release/vminspect}
sort_events=${SORT_EVENTS:-$here/../target/release/examples/sort_events}
runs=${RUNS:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
one='taskset -c 0'
cat "$journal" "$disk" > /dev/null

heading
measure 'sha1sum of the journal, one core' true "$one sha1sum $journal"
measure '**vminspect usnjrnl**, no record printed, one core' true \
  "$one $program usnjrnl -u $journal --to 1970-01-01 --threads 1 --format jsonl -o /dev/null"
measure '**vminspect usnjrnl**, JSON Lines, one core' true \
  "$one $program usnjrnl -u $journal --threads 1 --format jsonl -o /dev/null"
measure 'fls -r -m' true "fls -r -m / -o $sector $disk"
measure '**vminspect timeline --format bodyfile**' true "$program timeline $disk --format bodyfile -q -o /dev/null"
measure '**vminspect timeline**, JSON Lines' true "$program timeline $disk --format jsonl -q -o /dev/null"
measure '**vminspect timeline --with registry,usn,events**, JSON Lines' true \
  "bash -c '$program timeline $disk --with registry,usn,events --format jsonl -q -o /dev/null || true'"
measure '**vminspect usnjrnl_timeline**, JSON Lines' true "$program usnjrnl_timeline $disk --format jsonl -q -o /dev/null"
measure '**sort_events**, 10,000,000 events within 448 MiB' true "$sort_events 10000000 448"

#!/usr/bin/env bash
# Measures vminspect beside other tools on one pair of Windows guests, all in one run, and prints a table of
# medians. Needs root, FUSE, hyperfine, ntfs-3g, The Sleuth Kit (fls), openssl, sfdisk, python3 and GNU time.
#
#   benches/peers_windows.sh DIR
#
# DIR holds PAIR-base.qcow2, PAIR-after.qcow2 (an overlay on it) and independent raw copies of both, PAIR-base.raw and
# PAIR-after.raw. PAIR is `windows`, or $PAIR. The system volume is partition $PARTITION (1), NTFS. $PROGRAM is the
# program to measure, $MFT_CSV the example `mft_csv` of the filesystem crate, and $MFT_DUMP the program of that name
# from the crate `mft`, where it is to be measured; $MFT is a loose MFT for both.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/measure.sh"
dir=$(cd "$1" && pwd)
pair=$dir/${PAIR:-windows}
program=${PROGRAM:-$(dirname "${BASH_SOURCE[0]}")/../target/release/vminspect}
partition=${PARTITION:-1}
runs=${RUNS:-5}
work=$(mktemp -d)
sectors=$(sfdisk -J "$pair-base.raw" | python3 -c "import json,sys; print(json.load(sys.stdin)['partitiontable']['partitions'][$partition-1]['start'])")

mkdir "$work/a"
device=$(losetup -f --show -r -o "$((sectors * 512))" "$pair-base.raw")
clean() { umount "$work/a" 2>/dev/null || true; losetup -d "$device"; rm -rf "$work"; }
trap clean EXIT
ntfs-3g -o ro,streams_interface=windows "$device" "$work/a"
# Warm cache: every image is in memory before anything is measured.
cat "$pair"-base.qcow2 "$pair"-after.qcow2 "$pair"-base.raw "$pair"-after.raw > /dev/null

heading
measure 'fls -r' true "fls -r -o $sectors $pair-base.raw"
measure 'openssl sha1, 2 processes, ntfs-3g mount' true "find $work/a -type f -print0 | xargs -0 -n 500 -P 2 openssl sha1"
measure '**vminspect list**, walk only (`--match /none`)' true "$program list $pair-base.raw --match /none -o $work/out"
measure '**vminspect list**, raw' true "$program list $pair-base.raw -o $work/out"
measure '**vminspect list**, raw, one thread' true "$program list $pair-base.raw --threads 1 -o $work/out"
measure '**vminspect compare**, overlay' true "$program compare $pair-base.qcow2 $pair-after.qcow2 -o $work/out"
measure '**vminspect compare**, flat raw' true "$program compare $pair-base.raw $pair-after.raw -o $work/out"
if [ -n "${MFT:-}" ]; then
  measure 'mft_dump, loose MFT, to null' true "$MFT_DUMP -o csv -f /dev/null --no-confirm-overwrite $MFT"
  measure '**mft_csv**, loose MFT, to null' true "$MFT_CSV $MFT"
fi
echo
"$program" compare "$pair-base.qcow2" "$pair-after.qcow2" --stats -o "$work/out" 2>&1 | grep -v warning

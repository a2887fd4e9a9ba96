#!/usr/bin/env bash
# Measures vminspect beside other tools on one pair of Linux guests, all in one run, and prints a table of
# medians. Needs root, hyperfine, The Sleuth Kit (fls), qemu-img, openssl, sfdisk, python3 and GNU time.
#
#   benches/peers.sh DIR
#
# DIR holds PAIR-base.qcow2, PAIR-after.qcow2 (an overlay on it) and independent copies of both:
# PAIR-base-flat.raw, PAIR-after-flat.raw, PAIR-base-flat.qcow2 (zlib clusters). PAIR is `linux`, or $PAIR.
# The guest's root is partition $PARTITION (2), ext4. $PROGRAM is the program to measure.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/measure.sh"
dir=$(cd "$1" && pwd)
pair=$dir/${PAIR:-linux}
program=${PROGRAM:-$(dirname "${BASH_SOURCE[0]}")/../target/release/vminspect}
partition=${PARTITION:-2}
runs=${RUNS:-7}
work=$(mktemp -d)
sectors=$(sfdisk -J "$pair-base-flat.raw" | python3 -c "import json,sys; print(json.load(sys.stdin)['partitiontable']['partitions'][$partition-1]['start'])")

mkdir "$work/a" "$work/b"
clean() { umount "$work/a" "$work/b" 2>/dev/null || true; rm -rf "$work"; }
trap clean EXIT
mounts="mount -o ro,noload,loop,offset=$((sectors * 512))"
cat > "$work/remount" <<REMOUNT
umount $work/a $work/b 2>/dev/null
$mounts $pair-base-flat.raw $work/a && $mounts $pair-after-flat.raw $work/b
REMOUNT
bash "$work/remount"
# Warm cache: every image is in memory before anything is measured.
cat "$pair"-*.qcow2 "$pair"-*.raw > /dev/null

heading
measure 'find, kernel mount, just mounted' "bash $work/remount" "find $work/a"
measure 'find, kernel mount, again' true "find $work/a"
measure 'fls -r' true "fls -r -o $sectors $pair-base-flat.raw"
measure 'openssl sha1, 2 processes, kernel mount' true "find $work/a -type f -print0 | xargs -0 -n 500 -P 2 openssl sha1"
measure 'diff -rq, just mounted' "bash $work/remount" "diff -rq $work/a $work/b; true"
measure 'diff -rq, again' true "diff -rq $work/a $work/b; true"
size=$(stat -c %s "$pair-base-flat.raw")
measure 'qemu-img convert, zlib, to null' true "qemu-img convert -n --target-image-opts $pair-base-flat.qcow2 driver=null-co,size=$size"
measure '**vminspect compare**, overlay' true "$program compare $pair-base.qcow2 $pair-after.qcow2 -o $work/out"
measure '**vminspect compare**, flat raw' true "$program compare $pair-base-flat.raw $pair-after-flat.raw -o $work/out"
measure '**vminspect list**, walk only (`--match /none`)' true "$program list $pair-base-flat.raw --match /none -o $work/out"
measure '**vminspect list**, raw' true "$program list $pair-base-flat.raw -o $work/out"
measure '**vminspect list**, raw, one thread' true "$program list $pair-base-flat.raw --threads 1 -o $work/out"
measure '**vminspect list**, zlib qcow2' true "$program list $pair-base-flat.qcow2 -o $work/out"
measure '**vminspect list**, zlib qcow2, one thread' true "$program list $pair-base-flat.qcow2 --threads 1 -o $work/out"
echo
"$program" compare "$pair-base.qcow2" "$pair-after.qcow2" --stats -o "$work/out" 2>&1 | grep -v warning

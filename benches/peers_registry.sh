#!/usr/bin/env bash
# Measures vminspect beside hivex on one registry hive, and what the comparison of registries adds to that of a pair of
# Windows guests, all in one run, and prints a table of medians. Needs hyperfine, hivex (hivexml, hivexregedit, its
# library and header), a C compiler, python3 and GNU time. Commands run on one processor where the table says so.
#
#   benches/peers_registry.sh HIVE [DIR]
#
# DIR holds the pair that benches/peers_windows.sh measures. $PROGRAM is the program to measure, $HIVE_WALK the example
# `hive_walk` of the artefact crate.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/measure.sh"
hive=$1
program=${PROGRAM:-$here/../target/release/vminspect}
walk=${HIVE_WALK:-$here/../target/release/examples/hive_walk}
runs=${RUNS:-11}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O2 -w -o "$work/hivex_visit" "$here/hivex_visit.c" -lhivex
one='taskset -c 0'

heading
measure 'hivexml, one core' true "$one hivexml $hive"
measure 'hivexregedit --export, one core' true "$one hivexregedit --export $hive '\\'"
measure 'hivex, a walk with its visitor, one core' true "$one $work/hivex_visit $hive"
measure '**vminspect registry**, JSON, one core' true "$one $program registry $hive --no-logs -q"
measure '**vminspect registry**, JSON Lines, one core' true "$one $program registry $hive --no-logs -q --format jsonl"
measure '**vminspect registry**, .reg, one core' true "$one $program registry $hive --no-logs -q --format reg"
measure '**hive_walk**, keys and values, one core' true "$one $walk $hive"
if [ -n "${2:-}" ]; then
  pair=$2/${PAIR:-windows}
  cat "$pair"-base.qcow2 "$pair"-after.qcow2 > /dev/null
  measure '**vminspect compare**, overlay' true "$program compare $pair-base.qcow2 $pair-after.qcow2 -o $work/out"
  measure '**vminspect compare --registry**, overlay' true "$program compare --registry $pair-base.qcow2 $pair-after.qcow2 -o $work/out"
fi

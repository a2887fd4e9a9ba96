#!/usr/bin/env bash
# Measures vminspect beside evtx_dump, the program of the `evtx` crate that both decode with, on one event log, and
# prints a table of medians. Needs hyperfine, evtx_dump (cargo install evtx), python3 and GNU time.
#
#   benches/peers_eventlog.sh LOG
#
# $PROGRAM is the program to measure, $EVTX_DUMP the other.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/measure.sh"
log=$1
program=${PROGRAM:-$here/../target/release/vminspect}
dump=${EVTX_DUMP:-evtx_dump}
runs=${RUNS:-11}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

heading
for threads in 1 2; do
  measure "evtx_dump -o jsonl, $threads threads" true "$dump -t $threads -o jsonl $log"
  measure "**vminspect eventlog**, JSON Lines, $threads threads" true "$program eventlog $log --threads $threads -q --format jsonl"
  measure "**vminspect eventlog**, XML, $threads threads" true "$program eventlog $log --threads $threads -q"
done
measure '**vminspect eventlog**, JSON Lines, one id of many' true "$program eventlog $log -q --format jsonl --id 4624"
measure '**vminspect eventlog**, JSON Lines, sorted' true "$program eventlog $log -q --format jsonl --sort"
measure '**vminspect eventlog**, CSV' true "$program eventlog $log -q --format csv"
measure '**vminspect eventlog --gaps**' true "$program eventlog $log -q --gaps --format jsonl"

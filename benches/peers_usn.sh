#!/usr/bin/env bash
# Measures vminspect on a change journal, beside reading its bytes, and its timelines of a Windows disk beside The Sleuth
# Kit, all in one run, and prints a table of medians. Needs hyperfine, sleuthkit, python3 and GNU time.
#
#   benches/peers_usn.sh JOURNAL DISK SECTOR [PYTHON]
#
# JOURNAL holds the bytes of a stream $J. DISK is a raw image whose NTFS volume begins at SECTOR. PYTHON is an interpreter that
# has the Python vminspect 0.0.22. $PROGRAM is the program to measure.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/measure.sh"
journal=$1 disk=$2 sector=$3 python=${4:-}
program=${PROGRAM:-$here/../target/release/vminspect}
runs=${RUNS:-7}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
one='taskset -c 0'

heading
measure 'sha1sum, one core' true "$one sha1sum $journal"
if [ -n "$python" ]; then
  cat > "$work/parse.py" <<'PY'
import sys
from vminspect.usnjrnl import usn_journal
print(sum(1 for _ in usn_journal(sys.argv[1])))
PY
  measure 'Python vminspect, parse, one core' true "$one $python $work/parse.py $journal"
fi
measure '**vminspect usnjrnl**, no record printed, one core' true \
  "$one $program usnjrnl -u $journal --to 1970-01-01 --threads 1 --format jsonl -o /dev/null"
measure '**vminspect usnjrnl**, JSON Lines, one core' true \
  "$one $program usnjrnl -u $journal --threads 1 --format jsonl -o /dev/null"
measure 'fls -r -m' true "fls -r -m / -o $sector $disk"
measure '**vminspect timeline --format bodyfile**' true "$program timeline $disk --format bodyfile -q -o /dev/null"
measure '**vminspect usnjrnl_timeline**, JSON Lines' true "$program usnjrnl_timeline $disk --format jsonl -q -o /dev/null"

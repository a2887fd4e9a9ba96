# Sourced by the scripts beside it: times one command with hyperfine and prints a row of a table. Wants $runs and a
# directory $work.

measure() { # NAME PREPARE COMMAND
  hyperfine --warmup 1 --runs "$runs" --prepare "$2" --export-json "$work/result.json" "$3" > /dev/null 2>&1
  /usr/bin/time -f '%M' -o "$work/memory" bash -c "exec $3" > /dev/null 2>&1 || true
  python3 - "$work/result.json" "$1" "$(tail -n 1 "$work/memory")" <<'ROW'
import json, sys
r = json.load(open(sys.argv[1]))["results"][0]
cpu = r["user"] + r["system"]
print(f"| {sys.argv[2]} | {r['median']:.3f} | {r['min']:.3f}–{r['max']:.3f} | {cpu:.2f} | {int(sys.argv[3]) / 1024:.0f} |", flush=True)
ROW
}

heading() {
  echo "| command | median s | range s | CPU s | peak MiB |"
  echo "| --- | ---: | ---: | ---: | ---: |"
}

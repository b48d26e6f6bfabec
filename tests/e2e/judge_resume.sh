#!/usr/bin/env bash
# A judge killed with -9 in the middle loses no finished case and repeats none: --resume takes what the store holds.
# Oracle: the store's own tables read by sqlite, before and after, and the outcome of a run that was not killed.
set -euo pipefail
cd "$(dirname "$0")/../.."
model="${XDG_CACHE_HOME:-$HOME/.cache}/bitworth/models/smollm2-135m.gguf"
[ -f "$model" ] || { echo "the model smollm2 is not here: ./dev model smollm2"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$BITWORTH" quantize "$model" "$work/small.gguf" --type Q4_0 --quiet >/dev/null
"$BITWORTH" quantize "$model" "$work/control.gguf" --control --quiet >/dev/null
export XDG_CACHE_HOME="$work/cache"
mkdir -p "$XDG_CACHE_HOME/bitworth"
store="$XDG_CACHE_HOME/bitworth/judgements.db"
judge=("$BITWORTH" judge --scenario laptop --reference "$model" "$work/small.gguf" "$work/control.gguf" --items 14 --budget 4m --quiet)
# Rows of the store with their keys and contents: a finished piece of work keeps its row, untouched, over a resume.
dump() {
  python3 - "$store" <<'P'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for (table,) in sorted(db.execute("select name from sqlite_master where type='table' and name not like 'sqlite_%'")):
    for row in sorted(map(repr, db.execute(f"select * from {table}"))):
        print(table, row)
P
}
rows() { [ -f "$store" ] && dump | wc -l || echo 0; }
set -m
"${judge[@]}" --out "$work/killed.json" >"$work/log" 2>&1 &
pid=$!
for _ in $(seq 300); do
  [ "$(rows)" -ge 12 ] && break
  kill -0 $pid 2>/dev/null || { echo "judge ended before it could be killed"; cat "$work/log"; exit 1; }
  sleep 0.2
done
kill -9 -- -$pid 2>/dev/null || kill -9 $pid
wait $pid 2>/dev/null || true
set +m
[ ! -e "$work/killed.json" ] || { echo "a record was written by a killed run"; exit 1; }
dump >"$work/before"
echo "killed with $(wc -l <"$work/before") rows in the store"
rc=0
"${judge[@]}" --resume --out "$work/resumed.json" >"$work/log" 2>&1 || rc=$?
case $rc in 0 | 3 | 4) ;; *) echo "resume ended with $rc"; cat "$work/log"; exit 1 ;; esac
dump >"$work/after"
lost=$(comm -23 <(sort "$work/before") <(sort "$work/after") | wc -l)
[ "$lost" -eq 0 ] || { echo "$lost rows were lost or run again"; comm -23 <(sort "$work/before") <(sort "$work/after") | cut -c1-200; exit 1; }
python3 - "$work/resumed.json" <<'P'
import json, sys
j = json.load(open(sys.argv[1]))
reused = sum(s["reused"] for s in j["steps"])
assert reused > 0, j["steps"]
for who in [j["reference"], *j["candidates"]]:
    ids = [c["id"] for c in who["cases"]]
    assert len(ids) == len(set(ids)) == 14, (who["name"], len(ids))
print("reused", reused)
P

#!/usr/bin/env bash
# One prompt has one digest: scalar and every vector kernel of this machine, 1 and 2 threads, batches of 1, 7 and 64.
# Oracle: the golden digest of data/vectors/bn1_real, which two independent implementations agree on.
set -euo pipefail
cd "$(dirname "$0")/../.."
model="${XDG_CACHE_HOME:-$HOME/.cache}/bitworth/models/smollm2-135m.gguf"
[ -f "$model" ] || { echo "the model smollm2 is not here: ./dev model smollm2"; exit 77; }
vectors=data/vectors/bn1_real
golden=$(awk '$1 == "smollm2" && $2 == "f16" && $3 == "logits" { print $4 }' $vectors/digests.txt)
[ -n "$golden" ] || { echo "no golden digest in $vectors"; exit 1; }
fail=0
check() {  # check WANTED ISA THREADS BATCH TOKENS
  local got
  got=$(BITWORTH_ISA=$2 "$BITWORTH" logits "$model" --tokens "$5" --sha256 --threads "$3" --batch "$4" --quiet)
  echo "$2, $3 threads, batch $4: $got"
  if [ "$got" != "$1" ]; then echo "  expected $1"; fail=1; fi
}
mapfile -t isas < <("$BITWORTH" doctor --json |
  python3 -c 'import json,sys; [print(t["name"]) for t in json.load(sys.stdin)["instruction_sets"] if t["available"]]')
fastest=${isas[-1]}
check "$golden" "$fastest" 2 256 $vectors/tokens-smollm2.txt
check "$golden" "$fastest" 1 64 $vectors/tokens-smollm2.txt
# The scalar kernels and batch 1 on a short prompt, against the fastest.
short=$(mktemp)
trap 'rm -f "$short"' EXIT
cut -d ' ' -f 1-24 $vectors/tokens-smollm2.txt >"$short"
want=$("$BITWORTH" logits "$model" --tokens "$short" --sha256 --threads 2 --quiet)
for isa in "${isas[@]}"; do
  for threads in 1 2; do
    for batch in 1 7 64; do check "$want" "$isa" $threads $batch "$short"; done
  done
done
if BITWORTH_ISA=no-such-set "$BITWORTH" logits "$model" --tokens "$short" --sha256 --quiet 2>/dev/null; then
  echo "an unknown BITWORTH_ISA was not refused"; fail=1
fi
exit $fail

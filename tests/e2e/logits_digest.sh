#!/usr/bin/env bash
# One prompt has one digest, on a real file and on tiny ones of K-quants and IQ4_NL: every kernel table of this machine,
# 1 to 3 threads, batches of 1 to 512, both caches.
# Oracle: the golden digests of data/vectors/bn1 and bn1_real, which two independent implementations agree on.
set -euo pipefail
cd "$(dirname "$0")/../.."
fail=0
# check WANTED ISA THREADS BATCH CACHE TOKENS FILE
check() {
  local got
  got=$(BITWORTH_ISA=$2 "$BITWORTH" logits "$7" --tokens "$6" --sha256 --threads "$3" --batch "$4" --kv "$5" --quiet)
  echo "$(basename "$7"), $2, $3 threads, batch $4, $5: $got"
  if [ "$got" != "$1" ]; then echo "  expected $1"; fail=1; fi
}
# golden FOLDER NAME CACHE
golden() {
  local hex
  hex=$(awk -v n="$2" -v c="$3" '$1 == n && $2 == c && $3 == "logits" { print $4 }' "data/vectors/$1/digests.txt")
  if [ ${#hex} -ne 64 ]; then echo "no golden digest of $2, $3" >&2; return 1; fi
  echo "$hex"
}
mapfile -t isas < <("$BITWORTH" doctor --json |
  python3 -c 'import json,sys; [print(t["name"]) for t in json.load(sys.stdin)["instruction_sets"] if t["available"]]')
if [ ${#isas[@]} -eq 0 ]; then echo "doctor names no kernel table"; exit 1; fi
if BITWORTH_ISA=no-such-set "$BITWORTH" logits data/vectors/bn1/rand-Q4_K_S.gguf --tokens data/vectors/bn1/tokens-rand.txt \
  --sha256 --quiet 2>/dev/null; then
  echo "an unknown BITWORTH_ISA was not refused"; fail=1
fi

tiny=data/vectors/bn1
for name in rand-Q4_K_S rand-Q6_K rand-Q2_K rand-IQ4_NL; do
  for kv in f16 q8; do
    want=$(golden bn1 $name $kv)
    for isa in "${isas[@]}"; do
      check "$want" "$isa" 2 64 $kv $tiny/tokens-rand.txt $tiny/$name.gguf
      if [ "$isa" = scalar ]; then continue; fi  # slow
      check "$want" "$isa" 1 7 $kv $tiny/tokens-rand.txt $tiny/$name.gguf
      check "$want" "$isa" 3 512 $kv $tiny/tokens-rand.txt $tiny/$name.gguf
    done
  done
done

model="${XDG_CACHE_HOME:-$HOME/.cache}/bitworth/models/smollm2-135m.gguf"
if [ ! -f "$model" ]; then
  if [ $fail = 0 ]; then echo "tiny files passed; the model smollm2 is not here: ./dev model smollm2"; exit 77; fi
  exit 1
fi
tokens=data/vectors/bn1_real/tokens-smollm2.txt
fastest=${isas[-1]}
for kv in f16 q8; do
  want=$(golden bn1_real smollm2 $kv)
  check "$want" "$fastest" 2 256 $kv $tokens "$model"
  check "$want" "$fastest" 1 64 $kv $tokens "$model"
done
# The scalar kernels and batch 1 on a short prompt, against the fastest.
short=$(mktemp)
trap 'rm -f "$short"' EXIT
cut -d ' ' -f 1-24 $tokens >"$short"
want=$("$BITWORTH" logits "$model" --tokens "$short" --sha256 --threads 2 --quiet)
for isa in "${isas[@]}"; do
  for threads in 1 2; do
    for batch in 1 7 64; do check "$want" "$isa" $threads $batch f16 "$short" "$model"; done
  done
done
exit $fail

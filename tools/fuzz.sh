#!/usr/bin/env bash
# Runs every fuzzer of build/fuzz for SECONDS each: fuzz.sh SECONDS. In: corpora fuzz/corpus/NAME, NAME being the
# part of the program's name between layer and _fuzz (text_chat_fuzz: chat), else the layer (gguf_open_fuzz: gguf). Out: new inputs under
# build/fuzz/corpus/NAME; non-zero after any finding, which libFuzzer leaves as a file under build/fuzz and names.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seconds=$1
n=0
failed=0
# Seconds an input may take by the clock: on a crowded machine one that needs a millisecond was seen to take 18.
input_seconds=60
for program in build/fuzz/*_fuzz; do
  if [ ! -x "$program" ]; then continue; fi
  name=$(basename "$program")
  n=$((n + 1))
  mkdir -p "build/fuzz/corpus/$name"
  seeds=()
  stem=${name%_fuzz}
  for seed in "${stem#*_}" "${stem%%_*}"; do
    if [ -d "fuzz/corpus/$seed" ]; then seeds=("fuzz/corpus/$seed"); break; fi
  done
  if [ ${#seeds[@]} -eq 0 ]; then echo "fuzz: $name has no seeds under fuzz/corpus" >&2; exit 1; fi
  echo "==> $name, $seconds s"
  if ! "$program" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=$input_seconds -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" "${seeds[@]}" 2>&1 | tail -n 12; then
    echo "fuzz: $name has a finding" >&2
    failed=1
  fi
done
if [ $n -eq 0 ]; then
  echo "fuzz: no fuzzer was built: there is no src/LAYER/*_fuzz.cc" >&2
  exit 1
fi
exit $failed

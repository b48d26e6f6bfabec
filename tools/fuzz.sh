#!/usr/bin/env bash
# Runs every fuzzer of build/fuzz for SECONDS each: fuzz.sh SECONDS. In: corpora data/fuzz/NAME where present (NAME as
# the program, e.g. gguf_file_fuzz). Out: new inputs under build/fuzz/corpus/NAME; non-zero at the first finding,
# which libFuzzer leaves as a file and names.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seconds=$1
n=0
for program in build/fuzz/*_fuzz; do
  if [ ! -x "$program" ]; then continue; fi
  name=$(basename "$program")
  n=$((n + 1))
  mkdir -p "build/fuzz/corpus/$name"
  seeds=()
  if [ -d "data/fuzz/$name" ]; then seeds=("data/fuzz/$name"); fi
  echo "==> $name, $seconds s"
  "$program" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" "${seeds[@]}" 2>&1 | tail -n 12
done
if [ $n -eq 0 ]; then
  echo "fuzz: no fuzzer was built: there is no src/LAYER/*_fuzz.cc" >&2
  exit 1
fi

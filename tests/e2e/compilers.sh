#!/usr/bin/env bash
# BN1's bits do not hang on the compiler: what computes them (quant, kernels, the reference, RoPE and log), built by g++ -O0,
# clang++ -O0 and clang++ -O2, gives the golden digests of every operation from every kernel table, and of two tiny files
# from the reference. The release build is g++ -O2.
# In: BITWORTH, the release build's program, beside its libraries. About three minutes of processor time, less with a
# warm ccache.
set -euo pipefail
cd "$(dirname "$0")/../.."
libs=$(dirname "$BITWORTH")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
launcher=$(command -v ccache || true)
flags=(-std=c++20 -ffp-contract=off -fno-fast-math -Isrc -DFMT_SHARED "-DBITWORTH_SOURCE_DIR=\"$PWD\"")
files=(src/engine/reference_test.cc src/kernels/golden_test.cc src/kernels/testing_test.cc src/model/rope.cc
  src/base/exact_log.cc)
for f in src/quant/*.cc src/kernels/*.cc src/engine/reference*.cc; do
  case $f in *_test.cc | *_bench.cc | *_fuzz.cc) ;; *) files+=("$f") ;; esac
done
wanted='Golden.*:*tiny_file/rand_Q4_K_S_*:*tiny_file/baby_Q5_1_q8'

one() {  # one COMPILER OPTIMISATION
  local out=$work/$1$2
  mkdir "$out"
  # shellcheck disable=SC2016  # the inner shell expands
  printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -I {} sh -c 'out=$1; shift; exec "$@" -c {} -o "$out/$(echo {} | tr / _).o"' \
    - "$out" ${launcher:+"$launcher"} "$1" "$2" "${flags[@]}"
  "$1" "$out"/*.o -o "$out/test" "$libs"/libbw_{engine,kernels,model,gguf,text,quant,base}.a \
    -lgtest -lgtest_main -lfmt -lsodium -lpcre2-8 -lutf8proc -lpthread
  if ! "$out/test" --gtest_filter="$wanted" >"$out/log" 2>&1; then
    cat "$out/log"
    echo "$1 $2: other bits"
    return 1
  fi
  # Every one of them ran.
  grep -q '^\[  PASSED  \] 5 tests\.' "$out/log" || { cat "$out/log"; return 1; }
  echo "$1 $2: $(grep -c '^\[       OK' "$out/log") tests of digests passed"
}
one g++ -O0
if ! command -v clang++ >/dev/null; then
  echo "g++ -O0 passed; clang++ (package clang) is not here: './dev deps test'"
  exit 77
fi
one clang++ -O0
one clang++ -O2

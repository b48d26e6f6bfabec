#!/usr/bin/env bash
# One part of `./dev test`: test.sh release | debug LAYER... | emulated | scripts | lint. Out: results under build/results for
# tools/tally.py (GoogleTest's XML a program, and lines "pass|fail|skip TAB name TAB reason"); non-zero on a failure.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/.." || exit 1
results=$PWD/build/results
mkdir -p "$results"

record() { printf '%s\t%s\t%s\n' "$1" "$2" "${3:-}" >>"$results/$part.tsv"; }

# programs PRESET [LAYER...]: the test programs through ctest, all of them or those of the layers named.
programs() {
  local preset=$1 pattern=""
  shift
  rm -rf "${results:?}/$preset"
  mkdir -p "$results/$preset"
  if [ $# -gt 0 ]; then pattern="^($(IFS='|'; echo "$*"))\$"; fi
  GTEST_OUTPUT="xml:$results/$preset/" GTEST_COLOR=no ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 \
    UBSAN_OPTIONS=print_stacktrace=1 \
    ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --parallel "$(nproc)" \
    ${pattern:+-R "$pattern"} --output-junit "$results/$preset/ctest.junit" >"$results/$preset.log" 2>&1
  local rc=$?
  if [ $rc -ne 0 ]; then grep -vE '^\[( RUN|       OK|----------)' "$results/$preset.log" | tail -n 120; fi
  tail -n 4 "$results/$preset.log"
  return $rc
}

# Kernels and tiny models on processors this machine is not: qemu-user knows an x86-64 without FMA and AVX (table
# sse41) and AArch64 with dotprod alone and with i8mm. Runs side by side, each a folder of results.
emulate() {  # emulate NAME PROGRAM FILTER COMMAND...: the program under the command
  local name=$1 program=$2 filter=$3 rc
  shift 3
  mkdir -p "$results/$name"
  printf "%s\n" "${program##*/}" >>"$results/$name/expected"
  GTEST_OUTPUT="xml:$results/$name/${program##*/}.xml" GTEST_COLOR=no timeout 900 "$@" "$program" \
    --gtest_filter="$filter" >"$results/$name.log" 2>&1 </dev/null
  rc=$?
  if [ $rc -ne 0 ]; then
    echo "$name: ${program##*/}: exit $rc"
    grep -vE '^\[( RUN|       OK|----------)' "$results/$name.log" | tail -n 60
  fi
  return $rc
}
no_fma() {
  local qemu=(qemu-x86_64 -cpu Nehalem)
  emulate "emulated-x86-64-without-fma" build/release/kernels_test '*' "${qemu[@]}" &&
    emulate "emulated-x86-64-without-fma" build/release/engine_test 'Tables/EngineIsa.*/sse41' "${qemu[@]}"
}
aarch64() {
  local at=build/aarch64 qemu=(qemu-aarch64 -L /usr/aarch64-linux-gnu
    -E "LD_LIBRARY_PATH=$PWD/build/sysroot-aarch64/usr/lib/aarch64-linux-gnu")
  export BITWORTH_OBJDUMP=aarch64-linux-gnu-objdump
  emulate "emulated-aarch64-i8mm" $at/kernels_test '*' "${qemu[@]}" -cpu max &&
    emulate "emulated-aarch64-i8mm" $at/engine_test 'Tables/EngineIsa.*neon*' "${qemu[@]}" -cpu max &&
    emulate "emulated-aarch64-dotprod" $at/kernels_test 'Choose.*:Golden.*' "${qemu[@]}" -cpu cortex-a76
}
emulated() {
  local failed=0 no_fma_pid="" aarch64_pid=""
  rm -rf "${results:?}"/emulated-*
  if ! command -v qemu-x86_64 >/dev/null; then
    echo "NO qemu-user: NOTHING IS CHECKED ON OTHER PROCESSORS"
    record skip "x86-64 without FMA" "qemu-x86_64 (package qemu-user) is missing: './dev deps cross'"
  else
    no_fma & no_fma_pid=$!
  fi
  if [ -x build/aarch64/kernels_test ] && command -v qemu-aarch64 >/dev/null; then aarch64 & aarch64_pid=$!
  else
    echo "AArch64 IS NOT CHECKED: no cross build, or no qemu-aarch64"
    record skip "AArch64" "no cross build in build/aarch64 or no qemu-aarch64: './dev deps cross'"
  fi
  if [ -n "$no_fma_pid" ]; then wait "$no_fma_pid" || failed=1; fi
  if [ -n "$aarch64_pid" ]; then wait "$aarch64_pid" || failed=1; fi
  return $failed
}

# Whole-program scripts: exit 0 passed, 77 skipped (the last line says why), anything else failed.
scripts() {
  local script rc failed=0 n=0
  export BITWORTH=$PWD/build/release/bitworth
  for script in tests/e2e/*.sh tests/e2e/*.py tests/page/*.sh tests/page/*.py; do
    if [ ! -x "$script" ]; then continue; fi
    n=$((n + 1))
    timeout 600 "$script" >"$results/script.log" 2>&1 </dev/null
    rc=$?
    case $rc in
      0) record pass "$script" ;;
      77) record skip "$script" "$(tail -n 1 "$results/script.log")" ;;
      *) record fail "$script" "exit $rc"; tail -n 40 "$results/script.log"; failed=1 ;;
    esac
  done
  echo "whole-program scripts run: $n"
  return $failed
}

lint() {
  local failed=0 what
  for what in format tidy scripts; do
    if tools/lint.sh "--$what" >"$results/lint-$what.log" 2>&1; then record pass "lint: $what"
    else record fail "lint: $what" "see above"; tail -n 60 "$results/lint-$what.log"; failed=1
    fi
  done
  return $failed
}

part=$1
shift
case $part in
  release | debug) programs "$part" "$@" ;;
  emulated | scripts | lint) "$part" ;;
  *) echo "usage: test.sh release | debug LAYER... | emulated | scripts | lint" >&2; exit 2 ;;
esac

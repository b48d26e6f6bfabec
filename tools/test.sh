#!/usr/bin/env bash
# One part of `./dev test`: test.sh release | debug LAYER... | scripts | lint. Out: results under build/results for
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
  scripts | lint) "$part" ;;
  *) echo "usage: test.sh release | debug LAYER... | scripts | lint" >&2; exit 2 ;;
esac

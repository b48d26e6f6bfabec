#!/usr/bin/env bash
# Layout and static checks: lint.sh [--format | --tidy | --scripts | --all]. Without an argument: all three kinds,
# clang-tidy on the sources of the last commits only; --all: on every source. Out: messages; non-zero on a finding.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/.." || exit 1
max_tidy=${BITWORTH_TIDY_FILES:-12}  # a file takes clang-tidy 5 to 20 s; the bound keeps `./dev test` in its time

need() { command -v "$1" >/dev/null 2>&1 || { echo "lint: $1 is not here: ./dev deps test" >&2; exit 1; }; }

format() {
  need clang-format
  git ls-files 'src/*.h' 'src/*.cc' | xargs -r clang-format --dry-run -Werror
}
sources() {
  if [ "$1" = all ]; then
    git ls-files 'src/*.cc' | grep -vE '_(test|bench|fuzz)\.cc$'
  else
    # Newest first; files since removed are passed over.
    { git diff --name-only HEAD; git log --format= --name-only -n 40; } 2>/dev/null |
      grep -E '^src/.*\.cc$' | grep -vE '_(test|bench|fuzz)\.cc$' | awk '!seen[$0]++' |
      while read -r f; do if [ -f "$f" ]; then echo "$f"; fi; done | head -n "$max_tidy"
  fi
}
tidy() {
  need clang-tidy
  if [ ! -f build/release/compile_commands.json ]; then
    echo "lint: build/release/compile_commands.json is not here: ./dev build" >&2
    return 1
  fi
  local files
  mapfile -t files < <(sources "$1")
  if [ ${#files[@]} -eq 0 ]; then
    echo "lint: no source found to check" >&2
    return 1
  fi
  echo "clang-tidy on ${#files[@]} files"
  printf '%s\n' "${files[@]}" | xargs -r -n 1 -P "$(nproc)" clang-tidy --quiet -p build/release
}
scripts() {
  need shellcheck
  need python3
  git ls-files dev .ci/run '*.sh' | xargs -r shellcheck --severity=warning &&
    git ls-files '*.py' | xargs -r python3 -c 'import ast, sys; [ast.parse(open(f).read(), f) for f in sys.argv[1:]]'
}

case ${1:-} in
  --format) format ;;
  --tidy) tidy last ;;
  --scripts) scripts ;;
  --all) format && scripts && tidy all ;;
  "") format && scripts && tidy last ;;
  *) echo "usage: lint.sh [--format | --tidy | --scripts | --all]" >&2; exit 2 ;;
esac

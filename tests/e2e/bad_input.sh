#!/usr/bin/env bash
# Bad input ends with exit 2, a message that names the file and a next step, and nothing half written.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
model=data/vectors/bn1/baby-Q4_0.gguf
[ -f $model ] || { echo "missing $model"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail=0
expect() {  # expect CODE PATTERN COMMAND...: exit code, and a line on stderr
  local code=$1 pattern=$2 got
  shift 2
  "$@" >"$work/out" 2>"$work/err" </dev/null
  got=$?
  if [ $got -ne "$code" ] || ! grep -qE "$pattern" "$work/err"; then
    echo "expected exit $code and /$pattern/, got exit $got from: $*"; cat "$work/err"; fail=1
  fi
}
ends() {  # ends CODE COMMAND...: exit code alone
  local code=$1 got
  shift
  "$@" >"$work/out" 2>"$work/err" </dev/null
  got=$?
  if [ $got -ne "$code" ]; then echo "expected exit $code, got exit $got from: $*"; cat "$work/err"; fail=1; fi
}
head -c 20000 $model >"$work/truncated.gguf"
cp $model "$work/flipped.gguf"
printf '\xff' | dd of="$work/flipped.gguf" bs=1 seek=4 conv=notrunc status=none
printf 'GGUF' >"$work/magic.gguf"
printf 'hello' >"$work/text.gguf"
for command in inspect plan "run --prompt x" "logits --prompt x --sha256" "bench" "tokenize --prompt x"; do
  set -- $command
  for file in truncated flipped magic text; do
    expect 2 "$file.gguf" "$BITWORTH" "$1" "$work/$file.gguf" "${@:2}"
  done
  expect 2 "no such file" "$BITWORTH" "$1" "$work/none.gguf" "${@:2}"
done
expect 2 "next:" "$BITWORTH" inspect "$work/none.gguf"
expect 2 "truncated.gguf" "$BITWORTH" quantize "$work/truncated.gguf" "$work/out.gguf" --type Q8_0
expect 2 "Q9_9" "$BITWORTH" quantize $model "$work/out.gguf" --type Q9_9
if compgen -G "$work/out.gguf*" >/dev/null; then echo "something was written"; ls "$work"; fail=1; fi
printf 'mine' >"$work/mine.gguf"
expect 2 "mine.gguf exists" "$BITWORTH" quantize $model "$work/mine.gguf" --type Q8_0
expect 2 "next:.*--force" "$BITWORTH" quantize $model "$work/mine.gguf" --type Q8_0
[ "$(cat "$work/mine.gguf")" = mine ] || { echo "quantize wrote over a file"; fail=1; }
expect 0 "itself quantized .Q4_0" "$BITWORTH" quantize $model "$work/mine.gguf" --type Q8_0 --force --quiet
# A plan that breaks a bound of the scenario, and items that cannot resolve the margin, have exit codes of their own.
printf 'extends = "laptop"\nname = "tiny"\n[memory]\npeak = { at_most = "1 MiB" }\n' >"$work/tiny.toml"
ends 3 "$BITWORTH" plan $model --scenario "$work/tiny.toml"
ends 0 "$BITWORTH" plan $model --scenario laptop
ends 5 "$BITWORTH" judge --scenario "$work/tiny.toml" $model --items 8 --require-resolution
for line in "extraction: 8 items can show" "next: .* --require-resolution --items "; do
  grep -q "$line" "$work/out" || { echo "--require-resolution does not say '$line'"; cat "$work/out"; fail=1; }
done
[ "$(wc -l <"$work/out")" -eq 3 ] || { echo "--require-resolution prints more than that"; cat "$work/out"; fail=1; }
# A record: its digest is that of sha256sum; an edited one is not shown.
example=data/schema/example-judgement.json
digest=$(sed 's/^  "digest": ".*"/  "digest": ""/' $example | sha256sum | cut -d' ' -f1)
grep -q "\"digest\": \"$digest\"" $example || { echo "the example's digest is not that of sha256sum"; fail=1; }
ends 0 "$BITWORTH" report $example
sed 's/"word": "cannot tell"/"word": "worth it"/' $example >"$work/edited.json"
expect 2 "edited.json: THE RECORD'S DIGEST DOES NOT AGREE" "$BITWORTH" report "$work/edited.json" --html "$work/page.html"
[ ! -e "$work/page.html" ] || { echo "a page was made of an edited record"; fail=1; }
expect 2 "scenario" "$BITWORTH" judge --reference $model $model
expect 2 "laptop" "$BITWORTH" judge --scenario lapptop --reference $model $model
expect 2 "candidate" "$BITWORTH" judge --scenario laptop
printf 'name = "x"\n[load]\nstreems = 2\n' >"$work/bad.toml"
expect 2 'bad.toml.*3.*streams' "$BITWORTH" judge --scenario "$work/bad.toml" --reference $model $model
expect 2 "." "$BITWORTH" no-such-command
expect 2 "run: --temperature: given 'nan', expected a number from 0 to 100" "$BITWORTH" run x --prompt x --temperature nan
expect 2 "run: --top-p: given '2', expected a number from 0 to 1" "$BITWORTH" run x --prompt x --top-p 2
expect 1 "not built" "$BITWORTH" train
expect 2 "no such file" "$BITWORTH" serve "$work/none.gguf"
# An architecture nobody knows: its name is said, the known ones are listed, and inspect still answers.
# (`run` reads the tokenizer first, so its file must have a whole one; `inspect` wants weights.)
rename() { python3 - "$1" "$2" <<'P'
import sys
b = open(sys.argv[1], "rb").read()
key = b"general.architecture"
at = b.index(key) + len(key) + 4
n = int.from_bytes(b[at:at + 8], "little")
b = b[:at + 8] + b"q" * n + b[at + 8 + n:]
open(sys.argv[2], "wb").write(b)
P
}
rename data/vectors/tokenizer/ggml-vocab-phi-3.gguf "$work/run.gguf"
rename $model "$work/arch.gguf"
# A contract: the example is whole, warnings change nothing, what does not hold together is 2 with its place.
ends 0 "$BITWORTH" contract new "$work/mine.toml"
ends 0 "$BITWORTH" contract check "$work/mine.toml"
expect 2 "is there already" "$BITWORTH" contract new "$work/mine.toml"
sed 's/^stops/stop/; s/^owner/onwer/' "$work/mine.toml" >"$work/typo.toml"
expect 2 "typo.toml:[0-9]+:[0-9]+: onwer: unknown key; the nearest known one is owner" "$BITWORTH" contract check "$work/typo.toml"
sed 's/"careful", "person"/"person", "careful"/' "$work/mine.toml" >"$work/order.toml"
expect 2 "a person is the last" "$BITWORTH" contract check "$work/order.toml"
expect 2 "next:.*contract new" "$BITWORTH" contract check "$work/none.toml"
expect 2 "qqqqq.*llama|llama.*" "$BITWORTH" run "$work/run.gguf" --prompt x
"$BITWORTH" inspect "$work/arch.gguf" | grep -q "qqqqq" || { echo "inspect does not answer for an unknown architecture"; fail=1; }
exit $fail

#!/usr/bin/env bash
# The audit log from the command line: made, written by report --log, verified with a kept checkpoint, proofs checked
# without the log, and every way to spoil it found with exit 2. Oracle: sha256sum, text tools, exit codes.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
record=$PWD/data/schema/example-judgement.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail=0
expect() {  # expect CODE PATTERN COMMAND...: exit code, and a line of what it printed
  local code=$1 pattern=$2 got
  shift 2
  "$@" >out 2>&1 </dev/null
  got=$?
  if [ $got -ne "$code" ] || ! grep -qE -- "$pattern" out; then
    echo "expected exit $code and /$pattern/, got exit $got from: $*"; head -n 5 out; fail=1
  fi
}
expect 0 "public key +example.com/laptop\+" "$BITWORTH" audit init log --origin example.com/laptop
expect 2 "already" "$BITWORTH" audit init log
expect 2 "origin 'a b'" "$BITWORTH" audit init other --origin "a b"
key=$(cat log/log.pub)
expect 0 "log: entry 0 of log" "$BITWORTH" report "$record" --log log
"$BITWORTH" audit checkpoint log >kept.txt || fail=1
for i in 1 2 3; do expect 0 "log: entry $i of log" "$BITWORTH" report "$record" --log log; done
expect 0 "entries +4, every hash fits" "$BITWORTH" audit verify log --key "$key" --checkpoint kept.txt
expect 0 '"entries": 4' "$BITWORTH" audit verify log --key log/log.pub --json
expect 0 '"kind": "judgement"' "$BITWORTH" audit show log 3
expect 0 "4 of 4 entries" "$BITWORTH" audit show log
expect 2 "entry 4: the log has 4" "$BITWORTH" audit show log 4
# A leaf hash is SHA-256 of a zero byte and the entry's line, whoever works it out.
leaf=$( (printf '\0'; sed -n 3p log/log.entries | tr -d '\n') | sha256sum | cut -d' ' -f1)
expect 0 "leaf $leaf" "$BITWORTH" audit show log 0

"$BITWORTH" audit prove log 2 >proof.json || fail=1
"$BITWORTH" audit prove log --since kept.txt >growth.json || fail=1
expect 0 "proved: this is entry 2 of the 4" "$BITWORTH" audit check-proof proof.json --key "$key"
expect 0 "proved: .* with 4 entries begins with the 1" "$BITWORTH" audit check-proof growth.json --key "$key"
sed 's/"index": 2/"index": 1/' proof.json >bad.json
expect 2 "bad.json: proof: the hashes do not lead" "$BITWORTH" audit check-proof bad.json --key "$key"
"$BITWORTH" audit init stranger >/dev/null
expect 2 "not signed by" "$BITWORTH" audit check-proof proof.json --key stranger/log.pub
expect 2 "expected the key" "$BITWORTH" audit verify log --key stranger/log.pub

spoil() {  # spoil PATTERN: the copy in bad/ is refused by verify and by the next writer, and left as it is
  local before
  before=$(cat bad/log.* | sha256sum)
  expect 2 "$1" "$BITWORTH" audit verify bad --key "$key" --checkpoint kept.txt
  expect 2 "$1" "$BITWORTH" report "$record" --log bad
  [ "$before" = "$(cat bad/log.* | sha256sum)" ] || { echo "a spoiled log was changed: $1"; fail=1; }
}
rm -rf bad && cp -r log bad && sed -i '0,/laptop/s//leptop/' bad/log.entries
spoil "entry 0 .*expected leaf hash"
rm -rf bad && cp -r log bad && truncate -s -1500 bad/log.entries
spoil "signs 4 entries, [0-3] are here"
rm -rf bad && cp -r log bad && sed -i '2s/1/2/' bad/log.checkpoints
spoil "log.checkpoints: checkpoint 0 .*signature"
rm -rf bad && cp -r log bad && rm bad/log.checkpoints
expect 2 "log.checkpoints" "$BITWORTH" audit verify bad --key "$key"
# The owner cuts the end off and signs again: only who kept a checkpoint sees it.
mkdir again && cp log/log.key log/log.pub again/ && : >again/log.checkpoints && head -n 1 log/log.entries >again/log.entries
expect 0 "log: entry 0 of again" "$BITWORTH" report "$record" --log again
expect 0 "again: verified" "$BITWORTH" audit verify again --key "$key"
expect 2 "the kept checkpoint signs" "$BITWORTH" audit verify again --key "$key" --checkpoint kept.txt

# A disk that is full is told, and the log goes on when there is room (needs to mount a tmpfs).
mkdir small
if mount -t tmpfs -o size=64k tmpfs small 2>/dev/null; then
  "$BITWORTH" audit init small/log >/dev/null || fail=1
  n=0
  while "$BITWORTH" report "$record" --log small/log >/dev/null 2>err && [ $n -lt 100 ]; do n=$((n + 1)); done
  grep -q "No space left" err || { echo "full disk: $(cat err)"; fail=1; }
  mount -o remount,size=1m small
  expect 0 "log: entry $n of small/log" "$BITWORTH" report "$record" --log small/log
  expect 0 "entries +$((n + 1))," "$BITWORTH" audit verify small/log --key small/log/log.pub
  umount small
else
  echo "no tmpfs could be mounted: a full disk was not tried here (audit_test does, in memory)"
fi
exit $fail

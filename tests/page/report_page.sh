#!/usr/bin/env bash
# The page opens in a browser: its text is there, and the console stays silent.
set -euo pipefail
cd "$(dirname "$0")/../.."
browser=$(command -v chromium || command -v chromium-browser || true)
[ -n "$browser" ] || { echo "chromium is not here: ./dev deps test"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$BITWORTH" report data/schema/example-judgement.json --html "$work/report.html" >"$work/report.txt"
# Against a page that does err, so that silence means something.
printf '<!doctype html><title>x</title><script>console.error("bitworth-probe")</script>' >"$work/probe.html"
open_page() {
  timeout 60 "$browser" --headless --no-sandbox --disable-gpu --enable-logging=stderr --v=0 --user-data-dir="$work/profile" \
    --virtual-time-budget=2000 --dump-dom "file://$1" >"$work/dom.html" 2>"$work/log.txt"
}
open_page "$work/probe.html"
grep -q "bitworth-probe" "$work/log.txt" || { echo "the browser's console cannot be read here"; cat "$work/log.txt"; exit 1; }
open_page "$work/report.html"
if grep -E "CONSOLE|Refused to" "$work/log.txt"; then echo "the page is not silent"; exit 1; fi
python3 - "$work/dom.html" data/schema/example-judgement.json <<'P'
import html, json, re, sys
dom = html.unescape(re.sub(r"<[^>]+>", " ", open(sys.argv[1]).read()))
record = json.load(open(sys.argv[2]))
for c in record["candidates"]:
    for text in [c["verdict"]["word"], c["verdict"]["by_category"], c["rule"]["why"], c["sha256"]]:
        assert text in dom, text
P
timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" --window-size=390,844 \
  --screenshot="$work/shot.png" "file://$work/report.html" 2>/dev/null
[ -s "$work/shot.png" ]

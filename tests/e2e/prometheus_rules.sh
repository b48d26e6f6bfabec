#!/usr/bin/env bash
# The alerts of data/prometheus fire where they should, by Debian's promtool. It comes with the package prometheus, which
# also starts a service; unpacked beside it does (apt-get download prometheus; dpkg -x), named by PROMTOOL.
set -euo pipefail
cd "$(dirname "$0")/../.."
promtool=${PROMTOOL:-$(command -v promtool || true)}
[ -n "$promtool" ] || { echo "promtool is not here: unpack Debian's package prometheus and set PROMTOOL"; exit 77; }
"$promtool" check rules data/prometheus/bitworth.rules.yml
"$promtool" test rules tests/prometheus/bitworth.rules.test.yml
# The tests can fail: with one bound moved they do.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/data/prometheus" "$work/tests/prometheus"
sed 's/> 0\.01/> 0.03/' data/prometheus/bitworth.rules.yml >"$work/data/prometheus/bitworth.rules.yml"
cp tests/prometheus/bitworth.rules.test.yml "$work/tests/prometheus/"
if "$promtool" test rules "$work/tests/prometheus/bitworth.rules.test.yml" >/dev/null 2>&1; then
  echo "a moved bound was not noticed"
  exit 1
fi

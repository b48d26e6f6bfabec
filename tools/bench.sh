#!/usr/bin/env bash
# Speed of the models in the cache: bench.sh [peers] [FILE...]. Without `peers`: `bitworth bench` on each.
# With it: beside llama.cpp and ik_llama.cpp (wheels, each in an environment of its own under the cache), see
# bench/peers.py. In: FILEs, else what is in the cache; BITWORTH_PREFILL (512), BITWORTH_DEPTH (0), BITWORTH_ROUNDS (5),
# BITWORTH_THREADS. Out: a table, and with `peers` build/bench-peers.json.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
wheels=("llama.cpp xllamacpp==2026.10.11549 xllamacpp" "ik_llama.cpp ik-llama-cpp-python==0.1.5 ik_llama_cpp")
cache="${XDG_CACHE_HOME:-$HOME/.cache}/bitworth"
threads="${BITWORTH_THREADS:-$(nproc)}"
rounds="${BITWORTH_ROUNDS:-5}"
with_peers=0
if [ "${1:-}" = peers ]; then
  with_peers=1
  shift
fi
files=("$@")
if [ ${#files[@]} -eq 0 ]; then
  for f in "$cache/candidates/qwen2.5-coder-0.5b-q4_0.gguf" "$cache/models/smollm2-135m.gguf" \
    "$cache/models/qwen2.5-coder-0.5b.gguf" "$cache/models/qwen2.5-coder-1.5b.gguf" \
    "$cache/models/gemma3-270m.gguf"; do
    if [ -f "$f" ]; then files+=("$f"); fi
  done
fi
if [ ${#files[@]} -eq 0 ]; then
  echo "bench: no model in $cache: ./dev ladder, or ./dev model smollm2" >&2
  exit 1
fi
load=$(cut -d' ' -f1 /proc/loadavg)
if awk -v l="$load" 'BEGIN { exit !(l > 0.5) }'; then
  echo "bench: the machine is busy (load $load): figures will be low and unsteady" >&2
fi
if [ $with_peers = 0 ]; then
  for f in "${files[@]}"; do
    build/release/bitworth bench "$f" --prefill 512 --decode 64 --repeat "$rounds" --threads "$threads"
  done
  exit
fi
peers=()
for wheel in "${wheels[@]}"; do
  read -r name package module <<<"$wheel"
  environment="$cache/peers/${package/==/-}"
  if [ ! -x "$environment/bin/python" ] || ! "$environment/bin/python" -c "import $module" 2>/dev/null; then
    echo "bench: installing $package into $environment" >&2
    rm -rf "$environment"
    python3 -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "$package" numpy
  fi
  peers+=(--peer "$name=$environment/bin/python")
done
mkdir -p build/log
exec python3 bench/peers.py --threads "$threads" --rounds "$rounds" --prefill "${BITWORTH_PREFILL:-512}" \
  --depth "${BITWORTH_DEPTH:-0}" --out build/bench-peers.json --log build/log/peers.log "${peers[@]}" "${files[@]}"

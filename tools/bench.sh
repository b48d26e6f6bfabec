#!/usr/bin/env bash
# Speed of the models in the cache: bench.sh [FILE...], `bitworth bench` on each; or bench.sh peers [--only LIST]
# [--without PEERS] [FILE...]: beside llama.cpp, ik_llama.cpp and OpenVINO (wheels, each in an environment of its own
# under the cache), see bench/peers.py. LIST: some of prefill,decode,long,streams,start,threads,memory.
# In: FILEs, else what is in the cache and two random files of Llama-7B's shape, made for `memory` (8 GB in the cache);
# BITWORTH_PREFILL (512), BITWORTH_DECODE (64), BITWORTH_DEPTH (4096), BITWORTH_STREAMS (8), BITWORTH_ROUNDS (5),
# BITWORTH_THREADS; BITWORTH_NATIVE_PEER=1 builds llama.cpp for this very processor once (clang; half an hour), which is
# then a peer too. Out: a table, and with `peers` build/bench-peers.json.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/bitworth"
threads="${BITWORTH_THREADS:-$(nproc)}"
rounds="${BITWORTH_ROUNDS:-5}"
say() { printf 'bench: %s\n' "$*" >&2; }
with_peers=0
if [ "${1:-}" = peers ]; then
  with_peers=1
  shift
fi

q4_0="$cache/candidates/qwen2.5-coder-0.5b-q4_0.gguf" as_is="$cache/models/qwen2.5-coder-0.5b.gguf"
models=()
for f in "$q4_0" "$cache/models/smollm2-135m.gguf" "$as_is" "$cache/models/qwen2.5-coder-1.5b.gguf" \
  "$cache/models/gemma3-270m.gguf"; do
  if [ -f "$f" ]; then models+=("$f"); fi
done
busy() {
  local load
  load=$(cut -d' ' -f1 /proc/loadavg)
  if awk -v l="$load" 'BEGIN { exit !(l > 0.5) }'; then
    say "the machine is busy (load $load): figures will be low and unsteady"
  fi
}
need_models() {
  if [ ${#models[@]} -eq 0 ]; then
    say "no model in $cache: ./dev ladder, or ./dev model smollm2"
    exit 1
  fi
}
if [ $with_peers = 0 ]; then
  if [ $# -gt 0 ]; then models=("$@"); fi
  need_models
  busy
  for f in "${models[@]}"; do
    build/release/bitworth bench "$f" --prefill 512 --decode 64 --repeat "$rounds" --threads "$threads"
  done
  exit
fi

# ---- what is asked for -------------------------------------------------------------------------------------------
only="" named=0
arguments=("$@")
for ((i = 0; i < $#; ++i)); do
  case ${arguments[i]} in
    --help | -h) exec python3 bench/peers.py --help ;;
    --only) only=${arguments[i + 1]:-} ;;
    --only=*) only=${arguments[i]#--only=} ;;
    --*) ;;
    *) if [ "$i" = 0 ] || [[ ${arguments[i - 1]} != --* || ${arguments[i - 1]} = *=* ]]; then named=1; fi ;;
  esac
done
if [ $named = 0 ]; then need_models; fi

# ---- peers ---------------------------------------------------------------------------------------------------------
mkdir -p build/log
peers=()
# make_environment FOLDER MODULE PACKAGE PIP-OPTION...: by pip; everything it says goes to the log.
make_environment() {
  local folder=$1 module=$2 package=$3
  shift 3
  if [ -x "$folder/bin/python" ] && "$folder/bin/python" -c "import $module" >/dev/null 2>&1; then return 0; fi
  say "installing $package into $folder"
  rm -rf "$folder"
  python3 -m venv "$folder" && "$folder/bin/python" -m pip install --disable-pip-version-check "$@" "$package" numpy &&
    "$folder/bin/python" -c "import $module"
}
add_peer() {  # NAME MODULE PACKAGE
  local folder="$cache/peers/${3/==/-}"
  if make_environment "$folder" "$2" "$3" --only-binary :all: >>build/log/peers-install.log; then
    peers+=(--peer "$1=$folder/bin/python")
  else
    say "$1 could not be installed"
    peers+=(--missing "$1=pip could not install $3 here (build/log/peers-install.log)")
  fi
}
add_peer llama.cpp xllamacpp xllamacpp==2026.10.11549
add_peer ik_llama.cpp ik_llama_cpp ik-llama-cpp-python==0.1.5
add_peer OpenVINO openvino_genai openvino-genai==2026.4.1.0
# The same llama.cpp, built here: with g++ 12 its AMX code crashes at ldtilecfg, clang's does not. Before version 16 clang
# spelt the macros that AMX code asks for in another way.
clang_flags() {
  local known
  known=$(clang -march=native -dM -E -x c /dev/null)
  if [[ $known = *__AMXINT8__* && $known != *__AMX_INT8__* ]]; then
    echo "-D__AMX_TILE__=1 -D__AMX_INT8__=1 -D__AMX_BF16__=1"
  fi
}
native="$cache/peers/llama-cpp-python-0.3.36-native"
if [ "${BITWORTH_NATIVE_PEER:-0}" = 1 ] || [ -e "$native/built" ]; then
  if [ ! -e "$native/built" ]; then
    say "building llama.cpp for this processor by clang: half an hour on 2 processors"
    flags=$(clang_flags || true)
    if CC=clang CXX=clang++ CFLAGS="$flags" CXXFLAGS="$flags" CMAKE_BUILD_PARALLEL_LEVEL=$(nproc) \
      CMAKE_ARGS="-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF -DLLAMA_CURL=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_SERVER=OFF" \
      make_environment "$native" llama_cpp llama-cpp-python==0.3.36 --no-binary llama-cpp-python \
      >>build/log/peers-install.log 2>&1; then
      touch "$native/built"
    fi
  fi
  if [ -e "$native/built" ]; then
    peers+=(--peer "llama.cpp native=$native/bin/python")
  else
    peers+=(--missing "llama.cpp native=it could not be built by clang (build/log/peers-install.log)")
  fi
fi

# ---- files ---------------------------------------------------------------------------------------------------------
files=()
for f in "${models[@]}"; do files+=(--model "$f"); done
for f in "$q4_0" "$as_is"; do
  if [ -f "$f" ]; then files+=(--start "$f"); fi
done
if [ $named = 0 ] && { [ -z "$only" ] || [[ ,$only, = *,memory,* ]]; }; then
  mkdir -p "$cache/bench"
  for kind in q4_0 q4_k_m; do
    f="$cache/bench/llama-7b-shape-$kind.gguf"
    if [ ! -f "$f" ]; then
      if [ "$(df --output=avail -B1M "$cache" | tail -n 1)" -lt 6000 ]; then
        say "less than 6 GB free in $cache: no $(basename "$f"), so memory is not measured on it"
        continue
      fi
      say "writing $f (about 4 GB)"
      build/release/random_model "$f" "$kind"
    fi
    files+=(--random "$f")
  done
fi
busy
exec python3 bench/peers.py --threads "$threads" --rounds "$rounds" --prefill "${BITWORTH_PREFILL:-512}" \
  --decode "${BITWORTH_DECODE:-64}" --depth "${BITWORTH_DEPTH:-4096}" --streams "${BITWORTH_STREAMS:-8}" \
  --out build/bench-peers.json --log build/log/peers.log "${peers[@]}" "${files[@]}" "$@"

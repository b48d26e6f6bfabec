#!/usr/bin/env bash
# 100 random schemas and prompts on Qwen2.5-Coder-0.5B through the scheduler: every output that ends of itself is
# valid against its schema by Python's jsonschema; prints what constrained decoding costs.
set -euo pipefail
test=$(dirname "$BITWORTH")/grammar_test
if [ ! -x "$test" ]; then echo "grammar_test is not built beside $BITWORTH: ./dev build"; exit 77; fi
if [ ! -f "${XDG_CACHE_HOME:-$HOME/.cache}/bitworth/models/qwen2.5-coder-0.5b.gguf" ]; then
  echo "the model qwen0.5b is not here: ./dev model qwen0.5b"
  exit 77
fi
BITWORTH_LONG_TESTS=1 "$test" --gtest_filter='ConstrainedDecoding.*'

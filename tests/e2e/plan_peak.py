#!/usr/bin/env python3
"""The planned bytes of a process are what it holds at its peak, within 3 %, on two models and two contexts.

Oracle: VmHWM, as the kernel counts it, of the process that `judge` measures a candidate in.
"""
import json, os, subprocess, sys

BITWORTH = os.environ["BITWORTH"]
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "bitworth", "models")
MODELS = ["smollm2-135m", "qwen2.5-coder-0.5b"]
missing = [m for m in MODELS if not os.path.exists(f"{CACHE}/{m}.gguf")]
if missing:
    print(f"models missing: {', '.join(missing)}: ./dev model smollm2; ./dev model qwen0.5b")
    sys.exit(77)

failed = False
for model in MODELS:
    for n_ctx in (1024, 8192):
        path = f"{CACHE}/{model}.gguf"
        plan = json.loads(subprocess.check_output(
            [BITWORTH, "plan", path, "--ctx", str(n_ctx), "--seqs", "1", "--threads", "2", "--json"]))
        # A prompt that fills the context, so that every page of the cache is touched.
        request = {"model": path, "n_streams": 1, "prompt_tokens": n_ctx - 8, "output_tokens": 8, "n_requests": 1,
                   "n_ctx": n_ctx, "n_threads": 2, "kv_type": "f16", "spawned_ns": 0}
        answer = json.loads(subprocess.run([BITWORTH, "child-measure"], input=json.dumps(request).encode(),
                                           stdout=subprocess.PIPE, check=True).stdout)
        planned, peak = plan["planned"]["value"], answer["peak_bytes"]
        off = (peak - planned) / planned
        print(f"{model} context {n_ctx}: planned {planned / 2**20:.1f} MiB, peak {peak / 2**20:.1f} MiB, {off:+.2%}")
        failed |= abs(off) > 0.03
sys.exit(failed)

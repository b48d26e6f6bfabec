#!/usr/bin/env python3
"""The planned bytes of a process are what it holds at its peak, within 3 %; and the peak is at most 1.05 x (file + KV).

Two models, two contexts, both types of cache. The second bound cannot hold where file and cache are so small that the
program itself (code, libraries, the file's header) is more than 5 % of them: below 500 MiB the excess has to be at most
26 MiB instead, and the line shows what it is made of.
Oracle: VmHWM, as the kernel counts it, of the process that `judge` measures a candidate in; the file's size.
"""
import json, os, subprocess, sys

BITWORTH = os.environ["BITWORTH"]
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "bitworth", "models")
MODELS = ["smollm2-135m", "qwen2.5-coder-0.5b"]
MIB = 1 << 20
BOUND_FROM, SMALL_EXCESS = 500 * MIB, 26 * MIB
missing = [m for m in MODELS if not os.path.exists(f"{CACHE}/{m}.gguf")]
if missing:
    print(f"models missing: {', '.join(missing)}: ./dev model smollm2; ./dev model qwen0.5b")
    sys.exit(77)

failed = False
for model in MODELS:
    for n_ctx, kv_type in ((1024, "f16"), (1024, "q8"), (8192, "f16")):
        path = f"{CACHE}/{model}.gguf"
        plan = json.loads(subprocess.check_output(
            [BITWORTH, "plan", path, "--ctx", str(n_ctx), "--seqs", "1", "--threads", "2", "--kv", kv_type, "--json"]))
        # A prompt that fills the context, so that every page of the cache is touched.
        request = {"model": path, "n_streams": 1, "prompt_tokens": n_ctx - 8, "output_tokens": 8, "n_requests": 1,
                   "n_ctx": n_ctx, "n_threads": 2, "kv_type": kv_type, "spawned_ns": 0}
        answer = json.loads(subprocess.run([BITWORTH, "child-measure"], input=json.dumps(request).encode(),
                                           stdout=subprocess.PIPE, check=True).stdout)
        peak = answer["peak_bytes"]
        planned, weights, kv, work, program = (plan[k]["value"] for k in ("planned", "weights", "kv", "work", "program"))
        off, base = (peak - planned) / planned, os.path.getsize(path) + kv
        print(f"{model} context {n_ctx}, {kv_type}: planned {planned / MIB:.1f} MiB, peak {peak / MIB:.1f} MiB, {off:+.2%}; "
              f"file + KV {base / MIB:.1f} MiB, peak {peak / base:.3f} of it (work {work / MIB:.1f}, "
              f"program {program / MIB:.1f}, weights less file {(weights - base + kv) / MIB:+.1f})", flush=True)
        failed |= abs(off) > 0.03 or peak > (1.05 * base if base >= BOUND_FROM else base + SMALL_EXCESS)
sys.exit(failed)

#!/usr/bin/env python3
"""bench/peers.py beside stand-ins: ratios, failures, Ctrl-C and the JSON are right, whoever is measured.

Oracle: stand-ins of bitworth and of the peers that answer fixed times, and sums done by hand. No model is read; the
peers' own interfaces are not tried here.
"""
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BITWORTH = '''#!/usr/bin/env python3
import json, sys, time
if sys.argv[1] == "--version": print("bitworth 9.9"); sys.exit()
if sys.argv[1] == "run": print("a", flush=True); sys.exit()
if "slow" in sys.argv[2]: time.sleep(60)
print(json.dumps(dict(isa="stand-in", read_bandwidth=1e10, read_bandwidth_share=0.5, dot_rate=1e12, dot_rate_share=0.1, prefill_tokens_per_s=1000.0,
    decode_tokens_per_s=800.0 if "--streams" in sys.argv else 100.0, whole_tokens_per_s=400.0, ttft_p95_ms=50.0,
    peak_bytes=1100000000, kv_bytes=1000000000 - 6)))
'''
# A peer of 512 rows in 2 s, 64 steps in 1.28 s; 8 streams: first tokens after 0.1 s, 63 steps more in 2.52 s.
PEER = '''#!/usr/bin/env python3
import json, sys
name, setup = sys.argv[2], json.loads(sys.stdin.readline())
if name == "OpenVINO": print(json.dumps(dict(failed="no such file for me")), flush=True); sys.exit()
print("noise"); print(json.dumps(dict(ready=name)), flush=True)
for line in sys.stdin:
    r = json.loads(line)
    if name == "ik_llama.cpp": sys.exit(3)
    print(json.dumps(dict(run=lambda: dict(prefill_s=len(r["prompt"]) / 256, decode_s=r["n_decode"] / 50),
        streams=lambda: dict(ttft_s=0.1, decode_s=2.52, whole_s=2.62), first_token=lambda: dict(first_token_s=2.0),
        memory=lambda: dict(peak_bytes=2200000000, anonymous_bytes=1))[r["do"]]()), flush=True)
'''
wrong = []


def expect(what, got, wanted):
    if got != wanted and not (isinstance(wanted, float) and abs(got - wanted) < 1e-9 * abs(wanted)):
        wrong.append(f"{what}: expected {wanted}, found {got}")


def command(folder, file, *options):
    peer = folder / "peer"
    return [sys.executable, ROOT / "bench/peers.py", file, "--bitworth", folder / "bitworth", "--threads", "2", "--rounds",
            "3", "--out", folder / "out.json", "--log", folder / "log",
            *[x for n in ("llama.cpp", "ik_llama.cpp", "OpenVINO") for x in ("--peer", f"{n}={peer}")], *options]


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    for program, text in (("bitworth", BITWORTH), ("peer", PEER)):
        (folder / program).write_text(text)
        (folder / program).chmod(0o755)
    (folder / "m.gguf").write_bytes(b"abcdef")
    done = subprocess.run(command(folder, folder / "m.gguf", "--only", "prefill,decode,streams,start,threads,memory"),
                          capture_output=True, text=True, timeout=300)
    expect("exit", done.returncode, 0)
    report = json.loads((folder / "out.json").read_text())
    rows = {r["label"]: r for r in report["rows"]}
    for label, ours, theirs, ratio in (
            ("prefill 512", 1000.0, 256.0, 1000 / 256), ("decode 64", 100.0, 50.0, 2.0),
            ("8 streams of 64: all decode", 800.0, 200.0, 4.0),  # 8 x 63 tokens in 2.52 s
            ("8 streams of 64: first token p95", 50.0, 100.0, 2.0), ("peak memory", 1.1, 2.2, 2.0),
            ("peak / (file + KV)", 1.1, 2.2, 2.0), ("1 to 2 threads", 1.0, 1.0, 1.0)):
        row = rows[label]
        expect(f"{label}, bitworth", row["engines"]["bitworth"]["median"], ours)
        expect(f"{label}, llama.cpp", row["engines"]["llama.cpp"]["median"], theirs)
        expect(f"{label}, ratio", row["ratio"]["llama.cpp"], ratio)
        expect(f"{label}, rounds", row["engines"]["llama.cpp"]["n"], 3)
        expect(f"{label}, OpenVINO", row["engines"]["OpenVINO"], {"failed": "no such file for me"})
        expect(f"{label}, ik died", "died (exit 3)" in row["engines"]["ik_llama.cpp"]["failed"], True)
    expect("start, llama.cpp", rows["start to first token"]["engines"]["llama.cpp"]["median"], 2.0)
    expect("share of a peer", rows["decode 64"]["share"]["llama.cpp"], 0.25)
    expect("sha256", report["files"][str(folder / "m.gguf")]["sha256"],
           "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721")  # of "abcdef", FIPS 180-4
    expect("a failure is told", "OpenVINO, m.gguf: failed: no such file for me" in done.stdout, True)

    # Ctrl-C: the second file never ends; the first one's figures stay.
    (folder / "slow.gguf").write_bytes(b"")
    run = subprocess.Popen(command(folder, folder / "m.gguf", folder / "slow.gguf", "--only", "decode"),
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in run.stderr:
        if line.startswith("  slow.gguf"):
            break
    time.sleep(0.5)  # into the measure; earlier is as good
    run.send_signal(signal.SIGINT)
    stdout, _ = run.communicate(timeout=60)
    expect("exit after Ctrl-C", run.returncode, 130)
    report = json.loads((folder / "out.json").read_text())
    expect("interrupted", report["interrupted"], True)
    expect("kept", report["rows"][0]["engines"]["bitworth"]["n"], 3)
    expect("printed", "decode 64" in stdout, True)

print("\n".join(wrong) if wrong else "bench/peers.py: stand-ins measured as reckoned by hand")
sys.exit(bool(wrong))

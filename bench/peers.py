#!/usr/bin/env python3
"""Bitworth beside llama.cpp on the same files, threads and machine, interleaved, in one run.

In: GGUF files, threads, rounds. Out: a table (medians, range, ratio, share of the machine's read bandwidth) and JSON.
The peer is the xllamacpp wheel (llama.cpp built for AVX2), run in a process of its own by this same file under the
interpreter of its environment; tools/bench.sh makes that. Prefill is a prompt of N tokens from an empty cache; decode
is M tokens after a prompt of one token, greedy, end-of-text ignored. Both sides warm up first, and while one is
measured the other is idle.
"""
import argparse
import json
import platform
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

PEER = "llama.cpp"


def serve_peer():
    """The peer's process: one JSON request a line on stdin, one JSON answer a line on stdout."""
    import xllamacpp

    setup = json.loads(sys.stdin.readline())
    params = xllamacpp.CommonParams()
    params.model.path = setup["file"]
    params.n_ctx = setup["prefill"] + setup["decode"] + 64
    params.n_parallel = 1
    params.cpuparams.n_threads = setup["threads"]
    params.cpuparams_batch.n_threads = setup["threads"]
    server = xllamacpp.Server(params)

    def run(prompt, n_predict):
        answer = server.handle_completions({"prompt": prompt, "n_predict": n_predict, "cache_prompt": False,
                                            "temperature": 0.0, "top_k": 1, "ignore_eos": True, "stream": False})
        answer = json.loads(answer) if isinstance(answer, (str, bytes)) else answer
        if "timings" not in answer:
            raise RuntimeError(f"no timings in the peer's answer: {str(answer)[:300]}")
        return answer["timings"]

    print(json.dumps({"ready": xllamacpp.get_system_info()}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        prefill = run(request["prompt"], 1)
        decode = run(request["prompt"][:1], setup["decode"])
        if prefill["prompt_n"] != len(request["prompt"]) or decode["predicted_n"] != setup["decode"]:
            raise RuntimeError(f"the peer did other work than asked: {prefill} {decode}")
        print(json.dumps({"prefill": prefill["prompt_per_second"], "decode": decode["predicted_per_second"]}),
              flush=True)


class Peer:
    def __init__(self, python, file, args):
        self.log = open(args.log, "a")
        self.process = subprocess.Popen([python, __file__, "--serve-peer"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.ask(dict(file=str(file), threads=args.threads, prefill=args.prefill, decode=args.decode))

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        while line := self.process.stdout.readline():
            if line.startswith("{"):
                return json.loads(line)
            self.log.write(line)  # llama.cpp's own words
        raise SystemExit(f"peers: {PEER} died (exit {self.process.wait()}); its last words are in {self.log.name}")

    def measure(self, prompt):
        return self.ask(dict(prompt=prompt))

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.log.close()


def number(figure):
    """A figure of bitworth's JSON: the object {value, ...}, or a bare number."""
    return figure["value"] if isinstance(figure, dict) else figure


def bitworth(binary, file, args):
    command = [binary, "bench", str(file), "--prefill", str(args.prefill), "--decode", str(args.decode), "--depth", "0",
               "--repeat", "1", "--threads", str(args.threads), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"peers: {' '.join(command)}: exit {done.returncode}: {done.stderr.strip()[-500:]}")
    j = json.loads(done.stdout)
    result = dict(prefill=number(j["prefill_tokens_per_s"]), decode=number(j["decode_tokens_per_s"]),
                  share=number(j["read_bandwidth_share"]))
    if j.get("read_bandwidth") is not None:
        result["bandwidth"] = number(j["read_bandwidth"])
    result["isa"] = j.get("isa")
    return result


def summary(values):
    return dict(median=statistics.median(values), low=min(values), high=max(values), n=len(values))


def cpu_model():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def compare(file, args, python):
    rng = random.Random(1)
    # Ids every vocabulary in the cache has, away from the control tokens at either end.
    prompt = [rng.randrange(1000, 40000) for _ in range(args.prefill)]
    peer = Peer(python, file, args)
    peer.measure(prompt)  # warm-up; bitworth warms up in each of its processes
    rounds = []
    for i in range(args.rounds):
        theirs = peer.measure(prompt)
        ours = None if args.peer_only else bitworth(args.bitworth, file, args)
        rounds.append(dict(peer=theirs, bitworth=ours))
        print(f"  round {i + 1} of {args.rounds}", file=sys.stderr, flush=True)
    peer.close()
    result = dict(file=str(file), bytes=file.stat().st_size, rounds=rounds,
                  peer={k: summary([r["peer"][k] for r in rounds]) for k in ("prefill", "decode")})
    if not args.peer_only:
        ours = [r["bitworth"] for r in rounds]
        result["bitworth"] = {k: summary([o[k] for o in ours]) for k in ("prefill", "decode")}
        result["ratio"] = {k: result["bitworth"][k]["median"] / result["peer"][k]["median"]
                           for k in ("prefill", "decode")}
        result["bitworth_isa"] = ours[0]["isa"]
        shares = [o["share"] for o in ours if o["share"] is not None]
        if shares:
            share = statistics.median(shares)
            result["read_bandwidth_share"] = dict(
                bitworth=share, peer=share * result["peer"]["decode"]["median"] / result["bitworth"]["decode"]["median"])
        bandwidths = [o["bandwidth"] for o in ours if o.get("bandwidth")]
        if bandwidths:
            result["read_bandwidth_bytes_per_s"] = summary(bandwidths)
    return result


def show(result):
    print(f"{Path(result['file']).name}, {result['bytes'] / 1e6:.0f} MB, tokens/s, median [range]")
    for what in ("prefill", "decode"):
        line = f"  {what:8}"
        for side in ("bitworth", "peer"):
            if side in result:
                s = result[side][what]
                label = side if side == "bitworth" else PEER
                line += f"  {label} {s['median']:8.1f} [{s['low']:.1f}, {s['high']:.1f}]"
        if "ratio" in result:
            line += f"  ratio {result['ratio'][what]:.2f}"
        print(line)
    if "read_bandwidth_share" in result:
        s = result["read_bandwidth_share"]
        line = f"  share of the read bandwidth in decode: bitworth {s['bitworth']:.2f}, {PEER} {s['peer']:.2f}"
        if "read_bandwidth_bytes_per_s" in result:
            line += f" of {result['read_bandwidth_bytes_per_s']['median'] / 1e9:.1f} GB/s"
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has xllamacpp")
    parser.add_argument("--bitworth", default="build/release/bitworth")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer-only", action="store_true", help="without bitworth's side")
    parser.add_argument("--out", type=Path, help="JSON")
    parser.add_argument("--log", default="/dev/null", help="where llama.cpp's own messages go")
    args = parser.parse_args()
    report = dict(machine=cpu_model(), threads=args.threads, prefill=args.prefill, decode=args.decode,
                  peer="xllamacpp", started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), files=[])
    print(f"{report['machine']}, {args.threads} threads; prefill {args.prefill}, decode {args.decode}, "
          f"{args.rounds} rounds interleaved")
    for file in args.files:
        report["files"].append(compare(file, args, args.python))
        show(report["files"][-1])
    if args.out:
        args.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve-peer"]:
        serve_peer()
    else:
        main()

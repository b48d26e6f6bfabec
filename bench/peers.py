#!/usr/bin/env python3
"""Bitworth beside its peers on the same files, threads and machine, interleaved, in one run.

In: GGUF files, threads, rounds. Out: a table (medians, range, ratios, share of the machine's read bandwidth) and JSON.
The peers are llama.cpp (the xllamacpp wheel) and ik_llama.cpp (its wheel), both built for AVX2, each in a process of
its own by this same file under the interpreter of its environment; tools/bench.sh makes those. Prefill is a prompt of
N tokens from an empty cache; decode is M tokens after a prompt of one token, or of --depth, end-of-text ignored. All
warm up first, and while one is measured the others are idle.
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

# Peers by name: what serves one (below) and the wheel it needs. Both wheels are built for AVX2.
PEERS = {"llama.cpp": "xllamacpp", "ik_llama.cpp": "ik_llama_cpp"}


class LlamaCpp:
    """llama.cpp by the xllamacpp wheel's server object; its own timings."""

    def __init__(self, setup):
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = setup["file"]
        params.n_ctx = setup["context"]
        params.n_parallel = 1
        params.cpuparams.n_threads = setup["threads"]
        params.cpuparams_batch.n_threads = setup["threads"]
        self.server = xllamacpp.Server(params)

    def run(self, prompt, n_predict):
        answer = self.server.handle_completions({"prompt": prompt, "n_predict": n_predict, "cache_prompt": False,
                                                 "temperature": 0.0, "top_k": 1, "ignore_eos": True, "stream": False})
        answer = json.loads(answer) if isinstance(answer, (str, bytes)) else answer
        if "timings" not in answer:
            raise RuntimeError(f"no timings in the peer's answer: {str(answer)[:300]}")
        t = answer["timings"]
        if t["prompt_n"] != len(prompt) or t["predicted_n"] != n_predict:
            raise RuntimeError(f"the peer did other work than asked: {t}")
        return t["prompt_per_second"], t["predicted_per_second"]


class IkLlamaCpp:
    """ik_llama.cpp by its wheel's C interface: repacked tensors, no mmap, flash attention where the wheel allows it."""

    def __init__(self, setup):
        from ik_llama_cpp import _ctypes_api as api
        from ik_llama_cpp import _internals as inner
        from ik_llama_cpp.llama import _cpu_has_avx_vnni

        self.api, self.inner = api, inner
        defaults = api.llama_model_default_params

        def repacked():
            params = defaults()
            params.repack_tensors = True
            return params

        api.llama_model_default_params = repacked
        self.model = inner.IkModel(setup["file"], use_mmap=False)
        self.context = inner.IkContext(self.model, n_ctx=setup["context"], n_threads=setup["threads"],
                                       flash_attn=_cpu_has_avx_vnni())

    def pass_of(self, batch):
        if self.context.decode(batch) != 0:
            raise RuntimeError("the peer refused a batch")
        self.context.get_logits(0 if batch.n_tokens == 1 else batch.n_tokens - 1)
        self.api.llama_batch_free(batch)

    def run(self, prompt, n_predict):
        self.context.kv_cache_clear()
        begin = time.perf_counter()
        self.pass_of(self.inner.make_batch(prompt))
        prefill = time.perf_counter() - begin
        begin = time.perf_counter()
        for i in range(n_predict):  # which token follows does not change the work
            self.pass_of(self.inner.make_batch_single(prompt[i % len(prompt)], len(prompt) + i))
        return len(prompt) / prefill, n_predict / (time.perf_counter() - begin)


def serve_peer(name):
    """The peer's process: one JSON request a line on stdin, one JSON answer a line on stdout."""
    setup = json.loads(sys.stdin.readline())
    peer = {"llama.cpp": LlamaCpp, "ik_llama.cpp": IkLlamaCpp}[name](setup)
    print(json.dumps({"ready": name}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        prompt, depth = request["prompt"], max(1, setup["depth"])
        prefill, _ = peer.run(prompt[:setup["prefill"]], 1)
        _, decode = peer.run(prompt[:depth], setup["decode"])
        print(json.dumps({"prefill": prefill, "decode": decode}), flush=True)


class Peer:
    def __init__(self, name, python, file, args):
        self.name = name
        self.log = open(args.log, "a")
        self.process = subprocess.Popen([python, __file__, "--serve-peer", name], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.ask(dict(file=str(file), threads=args.threads, prefill=args.prefill, decode=args.decode, depth=args.depth,
                      context=max(args.prefill, args.depth) + args.decode + 64))

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        while line := self.process.stdout.readline():
            if line.startswith("{"):
                return json.loads(line)
            self.log.write(line)  # the peer's own words
        raise SystemExit(f"peers: {self.name} died (exit {self.process.wait()}); its last words are in {self.log.name}")

    def measure(self, prompt):
        return self.ask(dict(prompt=prompt))

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.log.close()


def number(figure):
    """A figure of bitworth's JSON: the object {value, ...}, or a bare number."""
    return figure["value"] if isinstance(figure, dict) else figure


def bench(args, file, prefill, decode, depth):
    command = [args.bitworth, "bench", str(file), "--prefill", str(prefill), "--decode", str(decode), "--depth",
               str(depth), "--repeat", "1", "--threads", str(args.threads), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"peers: {' '.join(command)}: exit {done.returncode}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


def bitworth(file, args):
    j = bench(args, file, args.prefill, args.decode, 0)
    at_depth = j if args.depth == 0 else bench(args, file, 1, args.decode, args.depth)
    result = dict(prefill=number(j["prefill_tokens_per_s"]), decode=number(at_depth["decode_tokens_per_s"]),
                  share=number(at_depth["read_bandwidth_share"]))
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


def compare(file, args):
    rng = random.Random(1)
    # Ids every vocabulary in the cache has, away from the control tokens at either end.
    prompt = [rng.randrange(1000, 40000) for _ in range(max(args.prefill, args.depth, 1))]
    peers = [Peer(name, python, file, args) for name, python in args.peers.items()]
    for peer in peers:
        peer.measure(prompt)  # warm-up; bitworth warms up in each of its processes
    rounds = []
    for i in range(args.rounds):
        round_ = {peer.name: peer.measure(prompt) for peer in peers}
        if not args.peer_only:
            round_["bitworth"] = bitworth(file, args)
        rounds.append(round_)
        print(f"  round {i + 1} of {args.rounds}", file=sys.stderr, flush=True)
    for peer in peers:
        peer.close()
    result = dict(file=str(file), bytes=file.stat().st_size, rounds=rounds, engines={})
    for name in rounds[0]:
        result["engines"][name] = {k: summary([r[name][k] for r in rounds]) for k in ("prefill", "decode")}
    if not args.peer_only:
        ours = [r["bitworth"] for r in rounds]
        median = lambda name, what: result["engines"][name][what]["median"]  # noqa: E731
        result["ratio"] = {peer.name: {k: median("bitworth", k) / median(peer.name, k) for k in ("prefill", "decode")}
                           for peer in peers}
        result["bitworth_isa"] = ours[0]["isa"]
        shares = [o["share"] for o in ours if o["share"] is not None]
        if shares:
            share = statistics.median(shares)
            result["read_bandwidth_share"] = {name: share * median(name, "decode") / median("bitworth", "decode")
                                              for name in result["engines"]}
        bandwidths = [o["bandwidth"] for o in ours if o.get("bandwidth")]
        if bandwidths:
            result["read_bandwidth_bytes_per_s"] = summary(bandwidths)
    return result


def show(result, args):
    isa = f", bitworth by {result['bitworth_isa']}" if "bitworth_isa" in result else ""
    print(f"{Path(result['file']).name}, {result['bytes'] / 1e6:.0f} MB{isa}; tokens/s, median [range]")
    shares = result.get("read_bandwidth_share", {})
    for name, of in result["engines"].items():
        line = f"  {name:13}"
        for what in ("prefill", "decode"):
            s = of[what]
            line += f"  {what} {s['median']:8.1f} [{s['low']:.1f}, {s['high']:.1f}]"
            if name in result.get("ratio", {}):
                line += f" x{result['ratio'][name][what]:.2f}"
        if name in shares:
            line += f"  share {shares[name]:.2f}"
        print(line)
    if "read_bandwidth_bytes_per_s" in result:
        print(f"  read bandwidth {result['read_bandwidth_bytes_per_s']['median'] / 1e9:.1f} GB/s; x: bitworth's rate "
              f"over the peer's; share: of the bandwidth, in decode at depth {args.depth}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON", required=True,
                        help=f"a peer ({', '.join(PEERS)}) and the interpreter that has its wheel; may be repeated")
    parser.add_argument("--bitworth", default="build/release/bitworth")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--depth", type=int, default=0, help="positions held before decoding")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer-only", action="store_true", help="without bitworth's side")
    parser.add_argument("--out", type=Path, help="JSON")
    parser.add_argument("--log", default="/dev/null", help="where the peers' own messages go")
    args = parser.parse_args()
    args.peers = dict(p.split("=", 1) for p in args.peer)
    unknown = sorted(set(args.peers) - set(PEERS))
    if unknown:
        raise SystemExit(f"peers: unknown peer {', '.join(unknown)}; known: {', '.join(PEERS)}")
    report = dict(machine=cpu_model(), threads=args.threads, prefill=args.prefill, decode=args.decode,
                  depth=args.depth, peers=list(args.peers), started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), files=[])
    print(f"{report['machine']}, {args.threads} threads; prefill {args.prefill}, decode {args.decode} "
          f"at depth {args.depth}, {args.rounds} rounds interleaved")
    for file in args.files:
        report["files"].append(compare(file, args))
        show(report["files"][-1], args)
    if args.out:
        args.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve-peer"]:
        serve_peer(sys.argv[2])
    else:
        main()

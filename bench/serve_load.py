#!/usr/bin/env python3
"""`bitworth serve` beside llama.cpp's server: the same client, the same file, in turn, in one run.

bench/serve_load.py FILE [--streams 8] [--rounds 5] [--requests 4] [--peer PYTHON]. Each stream of the closed loop asks
one chat after the other, streamed, greedy; figures: output tokens a second in all, time to first token p50 and p95,
medians over rounds. PYTHON is an interpreter with xllamacpp (llama.cpp as a wheel, AVX2); without it only bitworth is
measured. `--idle N` opens N connections that send a byte a second beside the streams in every second round of
bitworth's, and says what they cost.
"""
import argparse, http.client, json, os, signal, socket, statistics, subprocess, sys, threading, time, urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../tests/e2e"))
import serving  # noqa: E402

PEER = """
import sys, time, xllamacpp as x
p = x.CommonParams()
p.model.path = sys.argv[1]
p.n_parallel = int(sys.argv[2])
p.n_ctx = int(sys.argv[3]) * p.n_parallel
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = int(sys.argv[4])
p.port = 0
p.warmup = True
server = x.Server(p)
print("serving llama.cpp on", server.listening_address, flush=True)
time.sleep(1 << 20)
"""
WORDS = "river stone bread window lamp garden paper engine winter music letter harbour candle market bridge".split()


def prompt(stream, k):
    """About 110 tokens, another one for each stream and turn, so that no cache of prefixes helps."""
    words = [WORDS[(stream * 7 + k * 3 + i * (1 + stream % 5)) % len(WORDS)] for i in range(90)]
    return f"Story {stream}-{k}. Write a short text that uses these words: " + " ".join(words)


def one(address, model, text, max_tokens):
    connection = http.client.HTTPConnection(address[0], address[1], timeout=600)
    body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": max_tokens, "temperature": 0,
            "stream": True, "stream_options": {"include_usage": True}}
    start, first, n = time.monotonic(), None, 0
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {answer.read()[:300]}")
    for line in answer:
        if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
            continue
        event = json.loads(line[6:])
        if first is None and any((c.get("delta") or {}).get("content") for c in event.get("choices") or []):
            first = time.monotonic() - start
        if event.get("usage"):
            n = event["usage"]["completion_tokens"]
    connection.close()
    return first, n, time.monotonic() - start


def closed_loop(address, model, args, turn):
    firsts, tokens, lock = [], [0], threading.Lock()

    def stream(s):
        for k in range(args.requests):
            first, n, _ = one(address, model, prompt(s, turn * 100 + k), args.tokens)
            with lock:
                firsts.append(first)
                tokens[0] += n
    threads = [threading.Thread(target=stream, args=(s,)) for s in range(args.streams)]
    start = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    seconds = time.monotonic() - start
    firsts.sort()
    return dict(tokens_per_s=tokens[0] / seconds, first_p50_ms=1e3 * statistics.median(firsts),
                first_p95_ms=1e3 * firsts[min(len(firsts) - 1, int(0.95 * len(firsts)))])


class Idle:
    """Connections that never finish their request."""

    def __init__(self, address, n):
        self.sockets = [socket.create_connection(address) for _ in range(n)]
        for s in self.sockets:
            s.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n")
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.drip)
        self.thread.start()

    def drip(self):
        while not self.ended.wait(1):
            for s in self.sockets:
                try:
                    s.send(b"X")
                except OSError:
                    pass

    def close(self):
        self.ended.set()
        self.thread.join()
        for s in self.sockets:
            s.close()


def resident(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=3, help="a stream and round")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--ctx", type=int, default=1024)
    parser.add_argument("--idle", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--peer")
    parser.add_argument("--bitworth", default="build/release/bitworth")
    parser.add_argument("--out")
    args = parser.parse_args()
    serving.BITWORTH = args.bitworth
    results, peer = {"bitworth": []}, None
    with serving.serving(args.file, "--ctx", str(args.ctx), "--slots", str(args.streams), "--threads", str(args.threads)) as s:
        where = urllib.parse.urlparse(s.url)
        engines = {"bitworth": ((where.hostname, where.port), s.name)}
        if args.peer:
            peer = subprocess.Popen([args.peer, "-c", PEER, args.file, str(args.streams), str(args.ctx), str(args.threads)],
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            line = ""
            while " on http" not in line:
                line = peer.stdout.readline()
                if not line:
                    raise SystemExit("llama.cpp's server did not start")
            at = urllib.parse.urlparse(line.split(" on ")[1].strip())
            engines["llama.cpp"] = ((at.hostname, at.port), "any")
            results["llama.cpp"] = []
        if args.idle:
            results[f"bitworth, {args.idle} slow connections beside"] = []
        try:
            for name, (address, model) in engines.items():
                one(address, model, "Hello", 4)
            before = resident(s.process.pid)
            for turn in range(args.rounds):
                for name, (address, model) in engines.items():
                    results[name].append(closed_loop(address, model, args, turn))
                    print(f"round {turn + 1}: {name}: {results[name][-1]}", file=sys.stderr, flush=True)
                if args.idle:
                    idle = Idle(engines["bitworth"][0], args.idle)
                    name = f"bitworth, {args.idle} slow connections beside"
                    results[name].append(closed_loop(*engines["bitworth"], args, 50 + turn))
                    idle.close()
                    print(f"round {turn + 1}: {name}: {results[name][-1]}", file=sys.stderr, flush=True)
            print(f"resident memory of bitworth: {before / 2**20:.1f} MiB after the first answer, "
                  f"{resident(s.process.pid) / 2**20:.1f} at the end")
        finally:
            if peer:
                peer.send_signal(signal.SIGKILL)
                peer.wait()
    print(f"{args.streams} streams, {args.tokens} tokens each, {args.rounds} rounds, medians")
    summary = {}
    for name, rounds in results.items():
        summary[name] = {k: statistics.median(r[k] for r in rounds) for k in rounds[0]}
        print(f"  {name:<40} {summary[name]['tokens_per_s']:7.1f} tokens/s   first token p50 "
              f"{summary[name]['first_p50_ms']:6.0f} ms, p95 {summary[name]['first_p95_ms']:6.0f} ms")
    if "llama.cpp" in summary:
        ours, theirs = summary["bitworth"], summary["llama.cpp"]
        print(f"  {ours['tokens_per_s'] / theirs['tokens_per_s']:.2f} x its tokens/s; first token p95 "
              f"{theirs['first_p95_ms'] / ours['first_p95_ms']:.2f} x faster")
    if args.out:
        json.dump(dict(args=vars(args), results=results, medians=summary), open(args.out, "w"), indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())

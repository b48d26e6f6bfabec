"""What bench/peers.py measures, one class a measure: what a peer is asked, what bitworth is, and the figures.

A measure has `figures` (key, label, unit, whether more is better), `setups` (a peer process each), `fresh` (those
processes start anew every round, the file in the page cache), ask(peers, round) and ours(bitworth, file, round). Prompts are random ids that every
vocabulary has, other ones each round, so that nobody's kept prefixes help.
"""
import random
from dataclasses import dataclass

import machine


@dataclass
class Figure:
    key: str
    label: str
    unit: str = "tokens/s"
    more_is_better: bool = True


def ids(n, seed):
    rng = random.Random(seed)
    return [rng.randrange(1000, 30000) for _ in range(n)]  # away from control tokens at either end


def rate(n, seconds):
    return n / max(seconds, 1e-9)


class Measure:
    fresh = False
    figures = ()

    def __init__(self, args):
        self.args = args
        self.threads = args.threads

    def setups(self):
        return [dict(threads=self.threads, context=self.context, n_seq=1)]

    def warm_up(self, peers):
        self.ask(peers, -1)

    def refuses(self, file):
        """Why this file is not measured at all; None where it is."""


class Speed(Measure):
    """A prompt from an empty cache; output after a prompt of one token."""

    def __init__(self, args):
        super().__init__(args)
        self.prefill = args.prefill if "prefill" in args.only else 0
        self.decode = args.decode if "decode" in args.only else 0
        self.context = max(args.prefill, args.decode) + 64
        self.figures = []
        if self.prefill:
            self.figures.append(Figure("prefill", f"prefill {self.prefill}"))
        if self.decode:
            self.figures.append(Figure("decode", f"decode {self.decode}"))

    def ask(self, peers, i):
        out = {}
        if self.prefill:
            out["prefill"] = rate(self.prefill, peers[0].ask(
                dict(do="run", prompt=ids(self.prefill, i), n_decode=0))["prefill_s"])
        if self.decode:
            out["decode"] = rate(self.decode, peers[0].ask(
                dict(do="run", prompt=ids(1, i), n_decode=self.decode))["decode_s"])
        return out

    def ours(self, bitworth, file, i):
        j = bitworth.bench(file, prefill=self.prefill or 1, decode=self.decode or 1)
        out = dict(isa=j["isa"], bandwidth=j["read_bandwidth"])
        if self.prefill:
            out.update(prefill=j["prefill_tokens_per_s"], dot_rate=j["dot_rate"])
            out.setdefault("share", {})["prefill"] = j["dot_rate_share"]
        if self.decode:
            out["decode"] = j["decode_tokens_per_s"]
            out.setdefault("share", {})["decode"] = j["read_bandwidth_share"]
        return out


class Long(Measure):
    """A long prompt, and output behind it. The peers keep their own default cache; bitworth's F16 and Q8 are both said."""

    def __init__(self, args):
        super().__init__(args)
        self.depth, self.decode = args.depth, args.decode
        self.context = self.depth + self.decode + 64
        self.figures = [Figure(f"{what}{kv and '_' + kv}", f"{label}{kv and ', Q8 cache'}")
                        for kv in ("", "q8") for what, label in (("prefill", f"prefill {self.depth}"),
                                                                 ("decode", f"decode {self.decode} at {self.depth}"))]

    def warm_up(self, peers):
        peers[0].ask(dict(do="run", prompt=ids(64, -1), n_decode=4))

    def ask(self, peers, i):
        t = peers[0].ask(dict(do="run", prompt=ids(self.depth, i), n_decode=self.decode))
        prefill, decode = rate(self.depth, t["prefill_s"]), rate(self.decode, t["decode_s"])
        return dict(prefill=prefill, decode=decode, prefill_q8=prefill, decode_q8=decode)

    def ours(self, bitworth, file, i):
        out = {}
        for kv, key in (("f16", ""), ("q8", "_q8")):
            out["prefill" + key] = bitworth.bench(file, prefill=self.depth, decode=1, kv=kv)["prefill_tokens_per_s"]
            j = bitworth.bench(file, prefill=1, decode=self.decode, depth=self.depth, kv=kv)
            out["decode" + key] = j["decode_tokens_per_s"]
            out.setdefault("share", {})["decode" + key] = j["read_bandwidth_share"]
        out.update(isa=j["isa"], bandwidth=j["read_bandwidth"])
        return out


class Streams(Measure):
    """Sequences sent at once. A peer takes all prompts in one batch, then one token of each a pass."""

    def __init__(self, args):
        super().__init__(args)
        self.n, self.prompt, self.decode = args.streams, args.stream_prompt, args.decode
        self.context = self.prompt + self.decode + 8
        of = f"{self.n} streams of {self.decode}"
        self.figures = [Figure("decode", f"{of}: all decode"), Figure("whole", f"{of}: whole time"),
                        Figure("ttft", f"{of}: first token p95", "ms", False)]

    def setups(self):
        return [dict(threads=self.threads, context=self.context, n_seq=self.n)]

    def ask(self, peers, i):
        prompts = [ids(self.prompt, 1000 * (i + 1) + k) for k in range(self.n)]
        t = peers[0].ask(dict(do="streams", prompts=prompts, n_decode=self.decode))
        return dict(decode=rate(self.n * (self.decode - 1), t["decode_s"]),
                    whole=rate(self.n * self.decode, t["whole_s"]), ttft=1e3 * t["ttft_s"])

    def ours(self, bitworth, file, i):
        j = bitworth.bench(file, streams=self.n, prefill=self.prompt, decode=self.decode)
        return dict(isa=j["isa"], decode=j["decode_tokens_per_s"], whole=j["whole_tokens_per_s"],
                    ttft=j["ttft_p95_ms"])


class Start(Measure):
    """From nothing to the first token, the file in the page cache. bitworth: from the start of its process to the first
    byte it prints. A peer: inside its process from before its library is loaded, so Python's own start is not counted.
    """
    fresh = True
    text = "The quick brown fox jumps over the lazy dog, and then"
    context = 256
    figures = (Figure("first_token", "start to first token", "s", False),)

    def ask(self, peers, i):
        return dict(first_token=peers[0].ask(dict(do="first_token", text=self.text))["first_token_s"])

    def ours(self, bitworth, file, i):
        return dict(first_token=bitworth.first_token(file, self.text))


class Memory(Measure):
    """A model of Llama-7B's shape: the most memory held, and decoding. A peer's is less what its interpreter held; pages
    of a mapped file count, as they must stay for it to be fast."""
    fresh = True
    prompt, n_decode = 128, 16
    context = prompt + n_decode + 64

    def __init__(self, args):
        super().__init__(args)
        self.figures = (Figure("peak", "peak memory", "GB", False),
                        Figure("peak_share", "peak / (file + KV)", "", False),
                        Figure("decode", f"decode {self.n_decode}"))

    def refuses(self, file):
        need, there = 2.5 * file.stat().st_size, machine.memory_bytes("MemAvailable")
        if there and there < need:
            return f"left out: a peer may need {need / 1e9:.0f} GB of memory, {there / 1e9:.0f} are available"
        return None

    def ask(self, peers, i):
        t = peers[0].ask(dict(do="run", prompt=ids(self.prompt, i), n_decode=self.n_decode))
        m = peers[0].ask(dict(do="memory"))
        return dict(peak=m["peak_bytes"] / 1e9, anonymous=m["anonymous_bytes"] / 1e9,
                    decode=rate(self.n_decode, t["decode_s"]))

    def ours(self, bitworth, file, i):
        j = bitworth.bench(file, prefill=self.prompt, decode=self.n_decode)
        return dict(isa=j["isa"], bandwidth=j["read_bandwidth"], peak=j["peak_bytes"] / 1e9,
                    base=(file.stat().st_size + j["kv_bytes"]) / 1e9, decode=j["decode_tokens_per_s"],
                    share={"decode": j["read_bandwidth_share"]})

    def derive(self, round_):
        """peak_share of everybody, by bitworth's file + KV (F16, as the peers' caches are)."""
        base = round_.get("bitworth", {}).get("base")
        for of in round_.values():
            if base and "peak" in of:
                of["peak_share"] = of["peak"] / base


class Threads(Measure):
    """A prompt by one thread and by all."""

    def __init__(self, args):
        super().__init__(args)
        self.prefill, self.context = args.prefill, args.prefill + 64
        self.figures = [Figure("one", f"prefill {self.prefill}, 1 thread"),
                        Figure("all", f"prefill {self.prefill}, {self.threads} threads"),
                        Figure("times", f"1 to {self.threads} threads", "x")]

    def setups(self):
        return [dict(threads=t, context=self.context, n_seq=1) for t in (1, self.threads)]

    def ask(self, peers, i):
        one, all_ = (rate(self.prefill, p.ask(dict(do="run", prompt=ids(self.prefill, i), n_decode=0))["prefill_s"])
                     for p in peers)
        return dict(one=one, all=all_, times=all_ / one)

    def ours(self, bitworth, file, i):
        one, all_ = (bitworth.bench(file, threads=t, prefill=self.prefill, decode=1)["prefill_tokens_per_s"]
                     for t in (1, self.threads))
        return dict(one=one, all=all_, times=all_ / one)


# What --only takes, in the order it is run; prefill and decode share a pass over the files.
NAMES = ("prefill", "decode", "long", "streams", "start", "threads", "memory")
CLASSES = {"speed": Speed, "long": Long, "streams": Streams, "start": Start, "threads": Threads, "memory": Memory}

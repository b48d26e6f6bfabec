#!/usr/bin/env python3
"""Vectors of BN1 section 8, from arithmetic of other make: every binary32 operation is done on exact rationals and rounded
once, fma included; binary64 sums are Python's; logarithms are decimal with 60 digits, then rounded once. Written from
docs/bn1.md, without the sampler's source. Writes cases.jsonl; needs Python 3.9 or later and nothing else.

Floats are written as their bits in hexadecimal. A case: logits, options, prompt, output; `kept` the tokens a draw is made
from with e (binary64); `tokens` the draws at positions 0..15; `log_probs` [token, ln p] of the first 5 of the total order.
"""
import json, random, struct
from decimal import Decimal, getcontext
from fractions import Fraction as F

getcontext().prec = 60
MAX = struct.unpack("<f", bytes.fromhex("ffff7f7f"))[0]
INF = float("inf")


def bits32(x): return struct.pack(">f", x).hex()
def bits64(x): return struct.pack(">d", x).hex()


def r32(q):
    """The binary32 nearest to a rational, ties to even; beyond the range: infinity."""
    if q == 0: return 0.0
    a = abs(q)
    e = a.numerator.bit_length() - a.denominator.bit_length()
    if F(2) ** e > a: e -= 1
    e = max(e, -126)
    unit = F(2) ** (e - 23)
    n, rest = divmod(a, unit)
    if rest * 2 > unit or (rest * 2 == unit and n % 2): n += 1
    v = n * unit
    v = INF if v >= F(2) ** 128 else float(v)
    return -v if q < 0 else v


def finite(*xs): return all(abs(x) != INF for x in xs)
def add(a, b): return r32(F(a) + F(b)) if finite(a, b) else a + b
def sub(a, b): return r32(F(a) - F(b)) if finite(a, b) else a - b
def mul(a, b): return r32(F(a) * F(b)) if finite(a, b) else a * b
def div(a, b): return r32(F(a) / F(b)) if finite(a, b) else a / b
def fma(a, b, c): return r32(F(a) * F(b) + F(c))
h = float.fromhex


def exp(x):
    if x < -87.25: return 0.0
    x = min(x, 88.0)
    n = sub(fma(x, h("0x1.715476p+0"), 12582912.0), 12582912.0)
    r = fma(n, h("-0x1.62e4p-1"), x)
    r = fma(n, h("-0x1.7f7d1cp-20"), r)
    p = h("0x1.6d113cp-10")
    for c in ("0x1.120ba2p-7", "0x1.55551ap-5", "0x1.5554dcp-3", "0x1p-1", "0x1p0", "0x1p0"): p = fma(p, r, h(c))
    return r32(F(p) * F(2) ** int(n))


def log(x): return float(Decimal(x).ln())


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def saturate(x): return max(-MAX, min(MAX, x))


def adjusted(l, o, prompt, output):
    l = list(l)
    for t, b in o["bias"]: l[t] = saturate(add(l[t], b))
    window = (prompt + output)[-o["repeat_window"]:] if o["repeat_window"] else []
    if o["repeat_penalty"] != 1:
        for t in set(window):
            l[t] = saturate(div(l[t], o["repeat_penalty"]) if l[t] > 0 else mul(l[t], o["repeat_penalty"]))
    for t in set(output):
        c = float(output.count(t))
        l[t] = saturate(sub(sub(l[t], mul(c, o["frequency_penalty"])), o["presence_penalty"]))
    return l


def total_order(l, ids): return sorted(ids, key=lambda i: (-l[i], i))


def walk(order, e, limit):
    s, n = 0.0, 0
    for i in order:
        if n and s >= limit: break
        s += e[i]
        n += 1
    return order[:n]


def kept(l, o):
    ids = list(range(len(l)))
    best = max(l)
    x = [div(sub(v, best), o["temperature"]) for v in l]
    e = [exp(v) for v in x]
    total = lambda ids: sum_of([e[i] for i in sorted(ids)])
    if o["top_k"]: ids = total_order(l, ids)[: o["top_k"]]
    if o["top_p"] < 1: ids = walk(total_order(l, ids), e, o["top_p"] * total(ids))
    if o["min_p"] > 0:
        order = total_order(l, ids)
        n = 1
        while n < len(order) and e[order[n]] >= o["min_p"]: n += 1
        ids = order[:n]
    if o["typical"] < 1:
        t = total(ids)
        surprise = {i: log(t) - x[i] for i in ids}
        entropy = 0.0
        for i in sorted(ids):
            if e[i] > 0: entropy += e[i] / t * surprise[i]
        order = sorted(ids, key=lambda i: (abs(surprise[i] - entropy), -l[i], i))
        ids = walk(order, e, o["typical"] * t)
    return sorted(ids), e


def sum_of(values):
    s = 0.0
    for v in values: s += v
    return s


def draw(ids, e, o, position):
    x = philox((position, o["sample_index"], 0, 0), (o["seed"] & 0xFFFFFFFF, o["seed"] >> 32))
    u = ((x[0] << 21) + (x[1] >> 11)) * 2.0**-53
    aim, s = u * sum_of([e[i] for i in ids]), 0.0
    for i in ids:
        s += e[i]
        if s > aim: return i
    return ids[-1]


def f32(x): return struct.unpack("<f", struct.pack("<f", x))[0]


def main():
    rng = random.Random(20261124)
    with open("cases.jsonl", "w") as out:
        for case in range(240):
            n = rng.choice([1, 2, 5, 40, 90])
            spread = rng.choice([0.5, 3.0, 30.0])
            l = [f32(rng.gauss(0, spread)) for _ in range(n)]
            if case % 3 == 0: l = [float(round(v)) for v in l]  # ties
            if case % 40 == 7: l[0] = -MAX
            pick = lambda *v: f32(rng.choice(v))
            o = dict(temperature=pick(0, 0.3, 0.7, 1, 1.7, 1e-30), top_k=rng.choice([0, 0, 1, 3, 20, 1000]),
                     top_p=pick(1, 1, 0, 0.3, 0.9, 0.95), min_p=pick(0, 0, 0.02, 0.3, 1), typical=pick(1, 1, 0, 0.2, 0.9),
                     seed=rng.getrandbits(64), sample_index=rng.choice([0, 1, 7]),
                     repeat_penalty=pick(1, 1, 1.1, 2, 0.5, 1e-40), repeat_window=rng.choice([0, 1, 4, 64, 2**32 - 1]),
                     frequency_penalty=pick(0, 0, 0.5, -0.7, 100), presence_penalty=pick(0, 0, 0.3, -1.2),
                     bias=[[i, pick(-100, 100, 0.7, -3, -3.0e38, 3.0e38)]
                           for i in rng.sample(range(n), min(n, rng.choice([0, 0, 1, 4])))])
            prompt = [rng.randrange(n) for _ in range(rng.choice([0, 1, 3, 80]))]
            output = [rng.randrange(n) for _ in range(rng.choice([0, 1, 5, 70]))]
            a = adjusted(l, o, prompt, output)
            if o["temperature"] == 0:
                ids, e, tokens = [], [], [total_order(a, range(n))[0]] * 16
            else:
                ids, e = kept(a, o)
                tokens = [draw(ids, e, o, p) for p in range(16)]
            best = max(l)
            log_s = log(sum_of([exp(div(sub(v, best), 1.0)) for v in l]))
            top = total_order(l, range(n))[:5]
            row = dict(logits=[bits32(v) for v in l],
                       options={k: ([[t, bits32(b)] for t, b in v] if k == "bias" else bits32(v) if isinstance(v, float) else v)
                                for k, v in o.items()},
                       prompt=prompt, output=output, kept=[[i, bits64(e[i])] for i in ids], tokens=tokens,
                       log_probs=[[i, bits64(sub(l[i], best) - log_s)] for i in top])
            out.write(json.dumps(row, separators=(",", ":")) + "\n")


main()

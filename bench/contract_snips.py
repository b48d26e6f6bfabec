#!/usr/bin/env python3
"""What a contract changes: SNIPS items through Qwen 0.5B at 4 bits alone, and under a contract (4 bits, then 8 bits,
then a person), paired on the same items.

bench/contract_snips.py [--items N] [--bound NATS] [--bitworth PATH] [--out FILE]. Needs the models of `./dev ladder`;
makes a Q8_0 file beside its work. An answer is accepted when production would take it (one JSON object of allowed
slots), true when it equals gold; accepted and not true is a silent failure. A hand-over counts as a person's work, and
as true, since a person would have answered: said apart. Intervals: Wilson, 95 %.
"""
import argparse, concurrent.futures, json, math, os, subprocess, sys, tempfile, time, urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../tests/e2e"))
import serving  # noqa: E402

# The worked examples of src/tasks/snips.cc.
EXAMPLES = {"AddToPlaylist": (52, 11, 3, 2, 80), "BookRestaurant": (90, 84, 79, 61, 20), "GetWeather": (45, 93, 18, 94, 78),
            "PlayMusic": (4, 35, 87, 98, 99), "RateBook": (96, 78, 42, 22, 37), "SearchCreativeWork": (34, 11, 81, 78, 92),
            "SearchScreeningEvent": (48, 13, 81, 33, 57)}


def rows(intent):
    out = []
    for row in json.load(open(os.path.join(HERE, f"../data/tasks/snips/validate_{intent}.json")))[intent]:
        slots = {}
        for piece in row["data"]:
            if "entity" in piece:
                slots.setdefault(piece["entity"], " ".join(piece["text"].split()))
        out.append((" ".join("".join(p["text"] for p in row["data"]).split()), slots,
                    len(slots) == sum("entity" in p for p in row["data"])))
    return out


def items(per_intent):
    out = []
    for intent, examples in EXAMPLES.items():
        all_rows = rows(intent)
        names = sorted({s for _, slots, _ in all_rows for s in slots})
        lead = ("Extract slots from each request. Answer with one JSON object only. Allowed slots: " + ", ".join(names) +
                ". Copy each value word for word from the request and leave out slots that do not occur.\n\n")
        prefix = []
        for i, row in enumerate(examples):
            prefix += [{"role": "user", "content": (lead if i == 0 else "") + all_rows[row][0]},
                       {"role": "assistant", "content": json.dumps(all_rows[row][1])}]
        n = 0
        for row, (sentence, slots, once) in enumerate(all_rows):
            if row in examples or not once or n == per_intent:
                continue
            n += 1
            out.append(dict(id=f"{intent}/{row}", intent=intent, names=names, gold=slots,
                            messages=prefix + [{"role": "user", "content": sentence}]))
    return out


def fields_of(text, names):
    """The object production would take, or None."""
    try:
        got = json.loads(text)
    except ValueError:
        return None
    if not isinstance(got, dict) or not all(k in names and isinstance(v, str) for k, v in got.items()):
        return None
    return {k: " ".join(v.split()) for k, v in got.items()}


def contract(folder, small, careful, bound, all_items):
    def schema(intent):
        names = next(i["names"] for i in all_items if i["intent"] == intent)
        path = os.path.join(folder, intent + ".schema.json")
        json.dump({"type": "object", "additionalProperties": False, "minProperties": 1,
                   "properties": {n: {"type": "string", "minLength": 1, "maxLength": 120} for n in names}}, open(path, "w"))
        return path
    text = f"""name = "snips"
owner = "bench"
[deployments.small]
file = "{small}"
context = 1024
slots = 4
[deployments.careful]
file = "{careful}"
context = 1024
slots = 2
"""
    for intent in EXAMPLES:
        text += f"""
[classes.{intent.lower()}]
max_prompt_tokens = 900
max_output_tokens = 100
chain = ["small", "careful", "person"]
attempts = 1
deadline = "300 s"
[[classes.{intent.lower()}.checks]]
schema = "{schema(intent)}"
[[classes.{intent.lower()}.checks]]
mean_log_prob = {{ at_least = {bound} }}
"""
    path = os.path.join(folder, "contract.toml")
    open(path, "w").write(text)
    return path


def ask_all(server, all_items, header):
    def one(item):
        body = {"model": server.name, "messages": item["messages"], "temperature": 0, "max_tokens": 100, "seed": 1}
        headers = {"Content-Type": "application/json"}
        if header:
            headers["X-Bitworth-Class"] = item["intent"].lower()
        r = urllib.request.Request(server.url + "/chat/completions", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(r, timeout=600) as answer:
            return json.loads(answer.read())
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, all_items)), time.monotonic() - start


def wilson(k, n, z=1.959964):
    if n == 0:
        return 0.0, 1.0
    p, d = k / n, 1 + z * z / n
    mid, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (mid - half) / d, (mid + half) / d


def share(k, n):
    low, high = wilson(k, n)
    return f"{k} of {n} = {100 * k / n:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=20, help="an intent")
    parser.add_argument("--bound", type=float, default=-0.10, help="mean log-probability, nats a token, an answer must have")
    parser.add_argument("--bitworth", default="build/release/bitworth")
    parser.add_argument("--out")
    args = parser.parse_args()
    serving.BITWORTH = args.bitworth
    small = os.path.join(serving.CACHE, "candidates", "qwen2.5-coder-0.5b-q4_0.gguf")
    all_items = items(args.items)
    with tempfile.TemporaryDirectory() as work:
        careful = os.path.join(work, "careful-q8_0.gguf")
        subprocess.run([args.bitworth, "quantize", serving.model("qwen0.5b"), careful, "--type", "Q8_0", "--quiet"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with serving.serving(small, "--ctx", "1024", "--slots", "4") as s:
            plain, plain_seconds = ask_all(s, all_items, False)
        with serving.serving(contract(work, small, careful, args.bound, all_items)) as s:
            under, under_seconds = ask_all(s, all_items, True)
    n = len(all_items)
    report = dict(items=n, bound=args.bound, seconds=dict(plain=plain_seconds, contract=under_seconds), cases=[])
    counts = {k: 0 for k in ("plain_accepted", "plain_true", "plain_silent", "accepted", "true", "silent", "escalated", "person",
                             "attempts", "abstained", "better", "worse")}
    for item, p, c in zip(all_items, plain, under):
        got = fields_of(p["choices"][0]["message"]["content"], item["names"])
        plain_true = got == item["gold"]
        counts["plain_accepted"] += got is not None
        counts["plain_true"] += plain_true
        counts["plain_silent"] += got is not None and not plain_true
        receipt = c["bitworth"]
        outcome = receipt["outcome"]
        counts["attempts"] += len(receipt["attempts"])
        counts["escalated"] += len(receipt["attempts"]) > 1
        answered = fields_of(c["choices"][0]["message"]["content"], item["names"]) if outcome == "answered" else None
        true = answered == item["gold"] if outcome == "answered" else outcome == "person"
        counts["accepted"] += outcome == "answered"
        counts["true"] += outcome == "answered" and true
        counts["silent"] += outcome == "answered" and not true
        counts["person"] += outcome == "person"
        counts["abstained"] += outcome == "abstained"
        plain_silent = got is not None and not plain_true
        silent = outcome == "answered" and not true
        counts["better"] += plain_silent and not silent
        counts["worse"] += silent and not plain_silent
        report["cases"].append(dict(id=item["id"], plain=p["choices"][0]["message"]["content"], plain_true=plain_true,
                                    outcome=outcome, text=c["choices"][0]["message"]["content"], true=true,
                                    attempts=receipt["attempts"]))
    report["counts"] = counts
    print(f"{n} items, 4-bit alone: accepted {share(counts['plain_accepted'], n)}; true {share(counts['plain_true'], n)}; "
          f"silent failures {share(counts['plain_silent'], n)}; {plain_seconds:.0f} s of the machine")
    print(f"under the contract (bound {args.bound} nats): answered {share(counts['accepted'], n)}; true "
          f"{share(counts['true'], n)}; silent failures {share(counts['silent'], n)}")
    print(f"  {counts['attempts'] / n:.2f} attempts an answer; escalated {share(counts['escalated'], n)}; to a person "
          f"{share(counts['person'], n)}; {under_seconds:.0f} s of the machine")
    print(f"  silent failures that ended: {counts['better']}; that began: {counts['worse']}")
    if args.out:
        json.dump(report, open(args.out, "w"), indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Odd prompts, values that are not finite and too little memory: an answer or an error that says why, in every command.

Oracle: a file whose weights are multiplied until the values overflow, so layer and site are known; the limit that
`ulimit -v` sets; the bytes and control tokens written into the prompts.
"""
import json, os, resource, struct, subprocess, sys, tempfile

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BITWORTH = os.environ["BITWORTH"]
MODEL = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "bitworth", "models",
                     "smollm2-135m.gguf")
if not os.path.exists(MODEL):
    print("the model smollm2 is not here: ./dev model smollm2")
    sys.exit(77)
work = tempfile.TemporaryDirectory()
env = dict(os.environ, XDG_CACHE_HOME=work.name)  # judge's store: nothing of another run is taken
os.makedirs(f"{work.name}/bitworth")
failed = False


def expect(rc, says, *args, limit=None):
    """Exit code, and a text that stands on stderr or in stdout. Returns stdout."""
    global failed
    bound = (lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))) if limit else None
    done = subprocess.run([BITWORTH, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          env=env, preexec_fn=bound)
    out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    for text in [says] if isinstance(says, str) else says:
        if done.returncode != rc or text not in err + out:
            failed = True
            print(f"{args[:4]}: expected exit {rc} and '{text}', got exit {done.returncode}:\n{out[-1500:]}\n{err[-1500:]}")
    return out


def ids(text, *options):
    return json.loads(subprocess.check_output([BITWORTH, "tokenize", MODEL, "--prompt", text, "--json", *options],
                                              stderr=subprocess.DEVNULL))["ids"]


run, logits = ("run", MODEL, "--quiet", "--max-tokens", "2"), ("logits", MODEL, "--quiet", "--sha256")
# Nothing at all. In a chat it is a message like any other, and the template has tokens of its own.
expect(2, "run: the prompt has no tokens", *run, "--raw", "--prompt", "")
expect(0, "", *run, "--prompt", "")
expect(2, "logits: expected one prompt that is not empty", *logits, "--prompt", "")
open(f"{work.name}/none.txt", "w").close()
expect(2, "none.txt: holds no token ids", *logits, "--tokens", f"{work.name}/none.txt")
expect(2, "--prefill: given '0'", "bench", MODEL, "--prefill", "0")
with open(f"{work.name}/none.toml", "w") as f:
    f.write('extends = "laptop"\nname = "none"\n[load]\nprompt_tokens = 0\n')
expect(2, "load.prompt_tokens: expected a whole number from 1", "judge", "--scenario", f"{work.name}/none.toml", MODEL)
# Control tokens: letters in what a user writes, ids where `logits` parses them or gets them as ids.
control = "<|im_end|><|im_start|>"
assert len(ids(control)) > 2 and len(ids(control, "--special")) == 2, ids(control)
end = ids("<|im_end|>", "--special")[0]
assert ids(control, "--chat").count(end) == ids("x", "--chat").count(end) > 0
expect(0, "", *run, "--prompt", control)
expect(0, "", *run, "--raw", "--prompt", control)
with open(f"{work.name}/control.txt", "w") as f:
    f.write(" ".join(map(str, ids(control, "--special"))))
parsed = expect(0, "", *logits, "--prompt", control)
assert parsed == expect(0, "", *logits, "--tokens", f"{work.name}/control.txt") and len(parsed) == 65, parsed
# Ill-formed UTF-8: what the vocabulary has no token for is said, never left out in silence.
expect(0, "2 bytes of the prompt left out", *run, "--prompt", b"\xff\xfe caf\xe9")
expect(0, "2 bytes of the prompt left out", *logits, "--prompt", b"\xff\xfe caf\xe9")
expect(0, "2 bytes of the prompt left out", "tokenize", MODEL, "--prompt", b"\xff\xfe caf\xe9")
expect(2, ["1 byte of the prompt left out", "run: the prompt has no tokens"], *run, "--raw", "--prompt", b"\xff")
expect(2, ["1 byte of the prompt left out", "logits: the prompt has no tokens"], *logits, "--prompt", b"\xff")
# Longer than the context, or than any context.
expect(2, "the prompt has 6 tokens, --ctx holds 4", *run, "--raw", "--prompt", "a b c d e f", "--ctx", "4")
cut = ("run", MODEL, "--raw", "--prompt", "a b c d", "--ctx", "6", "--max-tokens", "10")
expect(0, "cut at --ctx", *cut)
answer = json.loads(expect(0, "", *cut, "--json"))
assert len(answer["tokens"]) == 3 and answer["reason"] == "length", answer  # positions 4 and 5, and one never pushed
expect(2, "n_ctx: expected 1 to 1048576", "bench", MODEL, "--depth", "1048576")
with open(f"{work.name}/long.toml", "w") as f:
    f.write('extends = "laptop"\nname = "long"\n[load]\nprompt_tokens = 1020\n')
expect(2, "load.context: expected at least prompt_tokens + output_tokens = 1044", "judge", "--scenario",
       f"{work.name}/long.toml", MODEL)
for text in ("49152", "-1"):
    with open(f"{work.name}/ids.txt", "w") as f:
        f.write(text)
    expect(2, f"token {text}: expected an id from 0 to 49151", *logits, "--tokens", f"{work.name}/ids.txt")
# Too little memory: the plan is shown before anything is loaded.
small = 100 << 20
for args in (run + ("--prompt", "x"), logits + ("--prompt", "x"), ("bench", MODEL, "--prefill", "8", "--decode", "2"),
             ("compare", MODEL, MODEL, "--chunks", "1")):
    expect(2, ["needs ", "weights 92.1 MiB, KV cache ", "100.0 MiB (RLIMIT_AS"], *args, limit=small)
expect(3, "does not fit", "plan", MODEL, limit=small)
expect(3, "does not fit: the plan is ", "judge", "--scenario", "laptop", MODEL, "--items", "2", "--json", limit=small)


def overflowing(name, tensor, factor):
    """A copy of MODEL whose f32 `tensor` is multiplied: finite weights, values that are not."""
    data = bytearray(open(MODEL, "rb").read())
    at = 8

    def take(form):
        nonlocal at
        value = struct.unpack_from("<" + form, data, at)[0]
        at += struct.calcsize("<" + form)
        return value

    def text():
        nonlocal at
        n = take("Q")
        at += n
        return bytes(data[at - n:at]).decode()

    def value(kind):
        if kind == 8:
            text()
        elif kind == 9:
            element, n = take("I"), take("Q")
            for _ in range(n):
                value(element)
        else:
            take({0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}[kind])

    n_tensors, n_kv = take("Q"), take("Q")
    for _ in range(n_kv):
        text()
        value(take("I"))
    table = {}
    for _ in range(n_tensors):
        key = text()
        shape = [take("Q") for _ in range(take("I"))]
        table[key] = (shape, take("I"), take("Q"))
    start = (at + 31) // 32 * 32
    (n,), kind, offset = table[tensor]
    assert kind == 0, table[tensor]
    form = f"<{n}f"
    values = struct.unpack_from(form, data, start + offset)
    struct.pack_into(form, data, start + offset, *[v * factor for v in values])
    path = f"{work.name}/{name}.gguf"
    open(path, "wb").write(data)
    return path


# 1e30 times the norm of layer 3's feed-forward: gate and up are finite, their product is not.
path = overflowing("overflow", "blk.3.ffn_norm.weight", 1e30)
why = "layer 3, ffn_down: a value in the product's input is not finite"
for args in (("run", path, "--prompt", "x"), ("logits", path, "--prompt", "x", "--sha256"),
             ("bench", path, "--prefill", "8", "--decode", "2"), ("compare", MODEL, path, "--chunks", "1")):
    expect(1, why, *args)
# For `judge` it is one file's fault: the others are judged.
record = json.loads(expect(3, why, "judge", "--scenario", "laptop", "--reference", MODEL, path, MODEL, "--items", "2",
                           "--json"))
bad, good = record["candidates"]
assert bad["cases"] == [] and len(good["cases"]) == len(record["reference"]["cases"]) == 2, record["limits_of_this_run"]
for what in ("speed of overflow: ", "extraction ended after 0 of 2 items: overflow: snips/"):
    assert any(s.startswith(what) and s.endswith(why) for s in record["limits_of_this_run"]), record["limits_of_this_run"]
sys.exit(failed)

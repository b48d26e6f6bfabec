#!/usr/bin/env python3
"""Gemma 3 through every command that reads it: windows, SentencePiece, a prompt longer than the window.

Oracle: llama.cpp (xllamacpp 2026.10.11549) on the same file: the ids of two texts, and the eight tokens that greedy
decoding goes on with, each at least 1.4 logits above the next. The fact asked for stands 640 positions back, past the
window of 512, so only the layers without one can see it. And one digest, whatever table, threads and batch.
"""
import json, os, subprocess, sys, tempfile

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BITWORTH = os.environ["BITWORTH"]
MODEL = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "bitworth", "models",
                     "gemma3-270m.gguf")
if not os.path.exists(MODEL):
    print("the model gemma3 is not here: ./dev model gemma3")
    sys.exit(77)


def bitworth(*args, rc=0, **env):
    done = subprocess.run([BITWORTH, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ, **env),
                          stdin=subprocess.DEVNULL)
    assert done.returncode == rc, (args[:2], done.returncode, done.stderr.decode())
    return done.stdout.decode() if rc == 0 else done.stderr.decode()


file = json.loads(bitworth("inspect", MODEL, "--json"))
assert file["loads_here"] is True, file
for what in ("a SentencePiece tokenizer", "attention with a sliding window of 512"):
    assert what in file["requirements"], file["requirements"]

plan = json.loads(bitworth("plan", MODEL, "--ctx", "1024", "--threads", "2", "--json"))
part = {k: plan[k]["value"] for k in ("planned", "weights", "kv", "work", "program")}
assert part["planned"] == part["weights"] + part["kv"] + part["work"] + part["program"], part
assert part["kv"] == 18 * 2 * 256 * 2 * 1024, part  # layers, keys and values, head_dim, bytes, positions

text = "Hello  Zo\u00eb \U0001F984\n\tx"
ids = json.loads(bitworth("tokenize", MODEL, "--prompt", text, "--json"))["ids"]
assert ids == [9259, 138, 99700, 237542, 236743, 245802, 107, 255968, 236781], ids

wikitext = " ".join(open("data/text/wikitext2/wiki.test.raw", encoding="utf-8").read(4000).split())[:2600]
prompt = f"The code word is PELICAN-4719.\n\n{wikitext}\n\nThe code word is"
ids = [2] + json.loads(bitworth("tokenize", MODEL, "--prompt", prompt, "--json"))["ids"]
assert len(ids) == 653 and ids[:8] == [2, 818, 3393, 3658, 563, 138822, 219396, 236772], (len(ids), ids[:8])
# The file has no chat template, and none is made up.
assert "tokenizer.chat_template" in bitworth("run", MODEL, "--prompt", "hi", rc=2)
greedy = [138822, 219396, 236772, 236812, 236832, 236770, 236819, 236761]
for kv in ("f16", "q8"):
    answer = json.loads(bitworth("run", MODEL, "--raw", "--prompt", prompt, "--max-tokens", "8", "--kv", kv, "--json"))
    assert (answer["tokens"], answer["text"], answer["n_prompt"]) == (greedy, " PELICAN-4719.", 653), answer
assert "653 tokens, --ctx holds 600" in bitworth("run", MODEL, "--raw", "--prompt", prompt, "--ctx", "600", rc=2)

tables = [t["name"] for t in json.loads(bitworth("doctor", "--json"))["instruction_sets"] if t["available"]]
with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
    f.write(" ".join(map(str, ids + greedy)))
    f.flush()
    digests = {}
    for table, threads, batch in ((tables[-1], 2, 256), (tables[-1], 1, 100), (tables[len(tables) // 2], 2, 64)):
        digests[table, threads, batch] = bitworth("logits", MODEL, "--tokens", f.name, "--sha256", "--threads",
                                                  str(threads), "--batch", str(batch), BITWORTH_ISA=table).strip()
print(digests)
assert len(set(digests.values())) == 1, digests

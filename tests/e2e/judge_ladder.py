#!/usr/bin/env python3
"""The default ladder, shortened: the control comes out worse, the record follows its schema, nothing is merged.

Oracle: the published JSON Schema by python3-jsonschema; the control's damage, known because it was made.
"""
import json, os, subprocess, sys, tempfile

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is not here: ./dev deps test")
    sys.exit(77)

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BITWORTH = os.environ["BITWORTH"]
MODEL = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "bitworth", "models",
                     "qwen2.5-coder-0.5b.gguf")
if not os.path.exists(MODEL):
    print("the model qwen0.5b is not here: ./dev model qwen0.5b")
    sys.exit(77)

with tempfile.TemporaryDirectory() as work:
    small, control, out, page = (f"{work}/{n}" for n in ("small.gguf", "control.gguf", "judgement.json", "report.html"))
    subprocess.run([BITWORTH, "quantize", MODEL, small, "--type", "Q4_0", "--quiet"], check=True)
    subprocess.run([BITWORTH, "quantize", MODEL, control, "--control", "--quiet"], check=True)
    env = dict(os.environ, XDG_CACHE_HOME=f"{work}/cache")  # a store of its own: nothing is reused
    os.makedirs(f"{work}/cache/bitworth")
    done = subprocess.run([BITWORTH, "judge", "--scenario", "laptop", "--reference", MODEL, small, control, "--items", "70",
                           "--budget", "4m", "--out", out, "--html", page, "--quiet", "--no-color"],
                          env=env, stdout=subprocess.PIPE)
    text = done.stdout.decode()
    print(text[:4000])
    record = json.load(open(out))
    jsonschema.Draft202012Validator(json.load(open("data/schema/judgement.schema.json"))).validate(record)
    assert done.returncode == record["exit_code"] and done.returncode in (0, 3, 4), done.returncode
    assert sorted(record["candidates"][0]["axes"]) == ["degradation", "format", "memory", "speed"]
    by_name = {c["name"]: c for c in record["candidates"]}
    assert by_name["control"]["role"] == "control"
    assert by_name["control"]["categories"]["extraction"]["outcome"] == "worse", by_name["control"]["categories"]
    assert by_name["control"]["verdict"]["word"] == "not worth it"
    assert by_name["small"]["axes"]["degradation"]["control_was_worse"] is True
    assert by_name["small"]["axes"]["memory"]["figures"]["peak"]["birth"] == "measured"
    assert os.path.getsize(page) > 2000

    def keys(node):
        if isinstance(node, dict):
            for k, v in node.items():
                yield k
                yield from keys(v)
        elif isinstance(node, list):
            for v in node:
                yield from keys(v)
    # A case has a graded score of its own; nothing else may be called one.
    del record["reference"]["cases"]
    for c in record["candidates"]:
        del c["cases"]
    merged = {k for k in keys(record) if "score" in k} - {"reference_score", "candidate_score"}
    assert not merged, merged

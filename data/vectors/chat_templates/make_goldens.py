#!/usr/bin/env python3
"""Renders every template with every context. usage: make_goldens.py > goldens.jsonl"""
import glob, json, os
from make_jinja_cases import ENV

contexts = json.load(open("contexts.json"))
for path in sorted(glob.glob("templates/*.jinja")):
    for name, context in contexts.items():
        row = {"template": os.path.basename(path), "context": name}
        try:
            row["expected"] = ENV.from_string(open(path, newline="").read()).render(**context)
        except Exception as e:
            row["error"] = f"{type(e).__name__}: {e}"
        print(json.dumps(row))

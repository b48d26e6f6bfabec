#!/usr/bin/env python3
"""Renders every template with every context. usage: make_goldens.py > goldens.jsonl"""
import copy, datetime, glob, json, os
from make_jinja_cases import ENV

contexts = json.load(open("contexts.json")) | json.load(open("contexts_own.json"))
for path in sorted(glob.glob("templates/*.jinja")):
    for name, context in contexts.items():
        row = {"template": os.path.basename(path), "context": name}
        ENV.globals.pop("strftime_now", None)
        context = copy.deepcopy(context)
        if "_now" in context:
            now = datetime.datetime.fromtimestamp(context.pop("_now"), datetime.timezone.utc)
            ENV.globals["strftime_now"] = now.strftime
        try:
            row["expected"] = ENV.from_string(open(path, newline="").read()).render(**context)
        except Exception as e:
            row["error"] = f"{type(e).__name__}: {e}"
        print(json.dumps(row))

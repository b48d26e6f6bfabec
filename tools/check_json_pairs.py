#!/usr/bin/python3
"""Whether outputs are valid against their schemas, by Python's jsonschema (draft 2020-12, formats asserted).
In: a file of JSON lines {"schema": TEXT, "output": TEXT}. Out: what is not valid, and exit code 1 where anything is not."""
import datetime
import json
import sys

from jsonschema import Draft202012Validator, FormatChecker


def unique(pairs):
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError(f"a name is given twice: {[name for name, _ in pairs]}")
    return out


# jsonschema's own "time" is that of draft 3, and "date-time" needs a package that may be missing.
formats = FormatChecker(["date", "email", "ipv4", "uuid"])
formats.checks("time", ValueError)(lambda s: not isinstance(s, str) or datetime.time.fromisoformat(s).tzinfo is not None)
formats.checks("date-time", ValueError)(
    lambda s: not isinstance(s, str) or datetime.datetime.fromisoformat(s).tzinfo is not None)


def main():
    n = n_bad = 0
    validators = {}
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            pair = json.loads(line)
            n += 1
            try:
                output = json.loads(pair["output"], object_pairs_hook=unique)
                if pair["schema"] not in validators:
                    schema = json.loads(pair["schema"])
                    Draft202012Validator.check_schema(schema)
                    validators[pair["schema"]] = Draft202012Validator(schema, format_checker=formats)
                errors = [f"{e.json_path}: {e.message}" for e in validators[pair["schema"]].iter_errors(output)]
            except ValueError as e:
                errors = [str(e)]
            if errors:
                n_bad += 1
                if n_bad <= 5:
                    print(f"schema {pair['schema']}\noutput {pair['output']}\n  {errors[0]}", file=sys.stderr)
    print(f"{n} outputs, {n_bad} not valid")
    return n_bad > 0 or n == 0


sys.exit(main())

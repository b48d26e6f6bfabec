#!/usr/bin/env python3
"""Cuts from OpenAI's API description (openapi.yaml) what bitworth's requests and answers are checked against.

make_schemas.py openapi.yaml > schemas.json: the schemas named below and all they refer to, as JSON Schema 2020-12
under "$defs"; descriptions and examples are left out, `nullable: true` becomes a choice with null, and the API's
own types of tools, images and voices, which are refused whole, are kept as they are.
"""
import json
import sys

import yaml

ROOTS = [
    "CreateChatCompletionRequest", "CreateChatCompletionResponse", "CreateChatCompletionStreamResponse",
    "CreateCompletionRequest", "CreateCompletionResponse", "ErrorResponse", "ListModelsResponse", "Model",
]
DROP = {"description", "example", "examples", "x-oaiMeta", "x-oaiTypeLabel", "x-stainless-const", "discriminator",
        "deprecated", "title", "externalDocs", "x-oaiExpandable", "default"}


def clean(node, found, is_properties=False):
    if isinstance(node, list):
        return [clean(n, found) for n in node]
    if not isinstance(node, dict):
        return node
    out = {}
    for key, value in node.items():
        if not is_properties and (key in DROP or key == "nullable" or str(key).startswith("x-")):
            continue
        if key == "$ref" and not is_properties:
            name = value.rsplit("/", 1)[1]
            found.add(name)
            out[key] = "#/$defs/" + name
        else:
            out[key] = clean(value, found, not is_properties and key == "properties")
    if not is_properties and node.get("nullable") is True:
        return {"anyOf": [out, {"type": "null"}]}
    return out


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        loaded = yaml.load(f, Loader=yaml.CSafeLoader)
    schemas, defs, wanted = loaded["components"]["schemas"], {}, set(ROOTS)
    while wanted - set(defs):
        for name in sorted(wanted - set(defs)):
            found = set()
            defs[name] = clean(schemas[name], found)
            wanted |= found
    json.dump({"$schema": "https://json-schema.org/draft/2020-12/schema",
               "$comment": "from OpenAI API " + loaded["info"]["version"] + "; made by make_schemas.py",
               "$defs": dict(sorted(defs.items()))}, sys.stdout, indent=1, sort_keys=True)
    print()


main()

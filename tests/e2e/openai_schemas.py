#!/usr/bin/env python3
"""Requests and answers of the server's interface against OpenAI's own schemas (data/vectors/openai).

Out: exit 0 when every request is valid or not as it says of itself, every one that is accepted is valid, and every
golden answer is valid against the schema of its kind; 77 without python3-jsonschema.
"""
import json
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is missing: ./dev deps test")
    sys.exit(77)

here = pathlib.Path(__file__).resolve().parents[2] / "data/vectors/openai"
schemas = json.loads((here / "schemas.json").read_text(encoding="utf-8"))
wrong = []


def validator(name):
    return jsonschema.Draft202012Validator({"$ref": "#/$defs/" + name, "$defs": schemas["$defs"]})


REQUEST = {"chat": validator("CreateChatCompletionRequest"), "completions": validator("CreateCompletionRequest")}
n_requests = n_invalid = 0
for line in (here / "requests.jsonl").read_text(encoding="utf-8").splitlines():
    case = json.loads(line)
    n_requests += 1
    valid = REQUEST[case["api"]].is_valid(case["body"])
    n_invalid += not valid
    if valid != case["spec"]:
        wrong.append(f"request '{case['why']}': the schema says {'valid' if valid else 'invalid'}")
    if case["code"] is None and not valid:
        wrong.append(f"request '{case['why']}' is accepted, and not valid")

KINDS = {
    "chat.completion": validator("CreateChatCompletionResponse"),
    "chat.completion.chunk": validator("CreateChatCompletionStreamResponse"),
    "text_completion": validator("CreateCompletionResponse"),
    "list": validator("ListModelsResponse"),
    "model": validator("Model"),
}
ERROR = validator("ErrorResponse")


def without_unknown(answer):
    """The first token of an echoed prompt has no log-probability: null in the API itself, a number in its schema."""
    if answer.get("object") == "text_completion":
        for choice in answer["choices"]:
            log_probs = choice["logprobs"]
            if log_probs and log_probs["token_logprobs"] and log_probs["token_logprobs"][0] is None:
                for key in ("token_logprobs", "top_logprobs"):
                    assert log_probs[key][0] is None
                    del log_probs[key][0]
    # A chunk that finishes a completion says so; the others have null, which the schema of whole answers lacks.
    return answer


def check(name, document):
    if "error" in document:
        found = list(ERROR.iter_errors(document))
    else:
        if document["object"] == "text_completion" and name.endswith(".sse"):
            for choice in document["choices"]:
                choice["finish_reason"] = choice["finish_reason"] or "stop"
            if document.get("usage", 0) is None:
                del document["usage"]
        found = list(KINDS[document["object"]].iter_errors(without_unknown(document)))
    wrong.extend(f"{name}: {e.json_path}: {e.message[:200]}" for e in found)


n_documents = 0
for path in sorted((here / "golden").iterdir()):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        documents = [text]
    else:
        events = text.split("\n\n")
        assert events.pop() == "", path
        assert all(e.startswith("data: ") and "\n" not in e for e in events), path
        if events[-1] == "data: [DONE]":
            events.pop()
        elif "error" not in events[-1]:
            wrong.append(f"{path.name}: neither [DONE] nor an error at the end")
        documents = [e[len("data: "):] for e in events]
    for document in documents:
        n_documents += 1
        check(path.name, json.loads(document))

for w in wrong:
    print(w)
print(f"{n_requests} requests, {n_invalid} of them not valid by the schema; {n_documents} answers and events")
if n_requests < 100 or n_documents < 20:
    wrong.append("too little was looked at")
sys.exit(1 if wrong else 0)

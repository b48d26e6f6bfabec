#!/usr/bin/env python3
"""The unmodified `openai` Python client against `bitworth serve`: chat, streams, JSON Schema, log-probabilities, errors,
its own retries. Oracle: the client's own parsing and exceptions."""
import os, subprocess, sys

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path.insert(0, "tests/e2e")
from serving import client_python, model, serving  # noqa: E402

VERSION = "3.57.0"
if "--inside" not in sys.argv:
    python = client_python("openai", VERSION)
    with serving(model("qwen0.5b"), "--ctx", "1024", "--slots", "2") as open_server, \
            serving(model("smollm2"), "--ctx", "512", "--slots", "1", "--api-key-env", "TEST_KEY",
                    env={"TEST_KEY": "sk-right"}) as keyed:
        sys.exit(subprocess.run([python, os.path.abspath(__file__), "--inside", open_server.url, open_server.name, keyed.url,
                                 keyed.name]).returncode)

import concurrent.futures, json  # noqa: E402

import openai  # noqa: E402

url, name, keyed_url, keyed_name = sys.argv[2:6]
client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
keyed = openai.OpenAI(base_url=keyed_url, api_key="sk-right", max_retries=0)
failed = []


def check(what, ok):
    print(("ok    " if ok else "FAILED ") + what)
    if not ok:
        failed.append(what)


def refused(kind, call, code, param=None):
    try:
        call()
    except kind as e:
        check(f"{kind.__name__}, code {code}", e.code == code and (param is None or e.param == param))
        return e
    except Exception as e:  # noqa: BLE001
        check(f"{kind.__name__}, code {code}: got {type(e).__name__} {e}", False)
        return None
    check(f"{kind.__name__}, code {code}: nothing was refused", False)
    return None


ask = [{"role": "user", "content": "Name the capital of France in one word."}]
# ---- chat
a = client.chat.completions.create(model=name, messages=ask, temperature=0, max_tokens=20)
check("chat: an answer", "Paris" in a.choices[0].message.content and a.choices[0].finish_reason == "stop")
check("chat: usage adds up", a.usage.prompt_tokens > 5 and
      a.usage.total_tokens == a.usage.prompt_tokens + a.usage.completion_tokens)
check("chat: a receipt with the log's index", a.model_extra["bitworth"]["log_index"] >= 0 and
      a.model_extra["bitworth"]["outcome"] == "answered")
one = client.chat.completions.create(model=name, messages=ask, temperature=1.5, seed=7, max_tokens=24)
two = client.chat.completions.create(model=name, messages=ask, temperature=1.5, seed=7, max_tokens=24)
other = client.chat.completions.create(model=name, messages=ask, temperature=1.5, seed=8, max_tokens=24)
check("seed: the same gives the same", one.choices[0].message.content == two.choices[0].message.content)
check("seed: another gives another", one.choices[0].message.content != other.choices[0].message.content)
cut = client.chat.completions.create(model=name, messages=[{"role": "user", "content": "Count to a hundred."}],
                                     temperature=0, max_tokens=5)
check("length: says that it was cut", cut.choices[0].finish_reason == "length" and cut.usage.completion_tokens == 5)
stopped = client.chat.completions.create(model=name, messages=[{"role": "user", "content": "Count: 1, 2, 3, 4, 5, 6"}],
                                         temperature=0, stop=["4"], max_tokens=40)
check("stop: not part of the answer", "4" not in stopped.choices[0].message.content)

# ---- streams
pieces, finish, usage = [], None, None
for c in client.chat.completions.create(model=name, messages=ask, temperature=1.5, seed=7, max_tokens=24, stream=True,
                                        stream_options={"include_usage": True}):
    if c.usage:
        usage = c.usage
    for choice in c.choices:
        pieces.append(choice.delta.content or "")
        finish = choice.finish_reason or finish
check("stream: the same text as without", "".join(pieces) == one.choices[0].message.content)
check("stream: in pieces, with its end and usage", len(pieces) > 3 and finish == one.choices[0].finish_reason and
      usage.completion_tokens == one.usage.completion_tokens)

# ---- JSON Schema
schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 30}, "population": {"type": "integer"},
                                           "in_europe": {"type": "boolean"}},
          "required": ["city", "population", "in_europe"], "additionalProperties": False}
shaped = client.chat.completions.create(
    model=name, messages=[{"role": "user", "content": "Describe Paris as JSON."}], temperature=0, max_tokens=100,
    response_format={"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": schema}})
got = json.loads(shaped.choices[0].message.content)
check("json_schema: exactly the fields", set(got) == set(schema["properties"]) and isinstance(got["population"], int) and
      isinstance(got["in_europe"], bool))
loose = client.chat.completions.create(model=name, messages=[{"role": "user", "content": "Some JSON object, please."}],
                                       temperature=0, max_tokens=200, response_format={"type": "json_object"})
check("json_object: an object", isinstance(json.loads(loose.choices[0].message.content), dict))

# ---- log-probabilities
probs = client.chat.completions.create(model=name, messages=ask, temperature=0, max_tokens=8, logprobs=True, top_logprobs=5)
content = probs.choices[0].logprobs.content
check("logprobs: five rivals each, the chosen first among them (greedy)",
      all(len(t.top_logprobs) == 5 and t.top_logprobs[0].token == t.token and t.logprob <= 0 for t in content))
check("logprobs: their bytes are the text",
      b"".join(bytes(t.bytes) for t in content).decode() == probs.choices[0].message.content)

# ---- completions, models
text = client.completions.create(model=name, prompt="def add(a, b):\n    return", temperature=0, max_tokens=6, echo=True)
check("completions: echo", text.choices[0].text.startswith("def add(a, b):\n    return"))
check("models: one", [m.id for m in client.models.list()] == [name] and client.models.retrieve(name).id == name)

# ---- errors
refused(openai.NotFoundError, lambda: client.chat.completions.create(model="gpt-4o", messages=ask), "model_not_found")
refused(openai.BadRequestError,
        lambda: client.chat.completions.create(model=name, messages=ask, tools=[
            {"type": "function", "function": {"name": "f", "parameters": {}}}]), "unsupported_parameter", "tools")
long = refused(openai.APIStatusError, lambda: client.chat.completions.create(
    model=name, messages=[{"role": "user", "content": "word " * 3000}], max_tokens=5), "context_length_exceeded")
check("too long: 413 with the counts", long is not None and long.status_code == 413 and "1023" in str(long) and
      any(3000 < int(w) < 3100 for w in str(long).split() if w.isdigit()))
wrong = openai.OpenAI(base_url=keyed_url, api_key="sk-wrong", max_retries=0)
refused(openai.AuthenticationError, lambda: wrong.models.list(), "invalid_api_key")
check("the right key", keyed.models.list().data[0].id == keyed_name)

# ---- idempotency
key = {"Idempotency-Key": "order-17"}
first = client.chat.completions.with_raw_response.create(model=name, messages=ask, temperature=1, max_tokens=16,
                                                         extra_headers=key)
again = client.chat.completions.with_raw_response.create(model=name, messages=ask, temperature=1, max_tokens=16,
                                                         extra_headers=key)
check("idempotency: the same answer, said to be replayed",
      first.content == again.content and again.headers.get("idempotency-replayed") == "true" and
      "idempotency-replayed" not in first.headers)
refused(openai.UnprocessableEntityError, lambda: client.chat.completions.create(
    model=name, messages=ask, temperature=0, max_tokens=17, extra_headers=key), "idempotency_key_reused")
refused(openai.BadRequestError, lambda: client.chat.completions.create(
    model=name, messages=ask, extra_headers={"Idempotency-Key": "x" * 300}), "idempotency_key_malformed")

# ---- its own retries: one slot and a queue of 64, so that 100 at once are too many
def once(c):
    try:
        c.completions.create(model=keyed_name, prompt="Once upon a time", max_tokens=12, temperature=0)
        return 200
    except openai.APIStatusError as e:
        return e.status_code, e.response.headers.get("retry-after")


with concurrent.futures.ThreadPoolExecutor(100) as pool:
    ends = list(pool.map(lambda _: once(keyed), range(100)))
    busy = [e for e in ends if e != 200]
    check(f"overload: some are told to wait ({len(busy)} of 100), the others served",
          busy and all(e[0] == 429 and int(e[1]) >= 1 for e in busy) and ends.count(200) >= 64)
    patient = openai.OpenAI(base_url=keyed_url, api_key="sk-right", max_retries=10)
    ends = list(pool.map(lambda _: once(patient), range(100)))
    check(f"overload: the client's own retries get every answer ({ends.count(200)} of 100)", ends == [200] * 100)
    print([e for e in ends if e != 200])

sys.exit(1 if failed else 0)

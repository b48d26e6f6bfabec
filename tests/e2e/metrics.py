#!/usr/bin/env python3
"""/metrics of a real server after real answers: counts that add up, and a text that promtool has nothing to say about
(where it is: PROMTOOL, or the path)."""
import http.client, json, os, re, shutil, subprocess, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serving import model, serving

failed = 0


def check(what, ok):
    global failed
    failed += not ok
    print(("ok    " if ok else "FAIL  ") + what)


def series(text):
    return {m[1]: float(m[2]) for m in re.finditer(r"^(bitworth_\S+(?: \S+\")*\}?) (\S+)$", text, re.M)}


def total(seen, name, **labels):
    return sum(v for k, v in seen.items()
               if k.split("{")[0] == name and all(f'{a}="{b}"' in k for a, b in labels.items()))


with serving(model("smollm2"), "--ctx", "1024", "--slots", "2") as server:
    host, port = server.root.removeprefix("http://").split(":")

    def ask(body, path="/v1/chat/completions"):
        c = http.client.HTTPConnection(host, int(port), timeout=60)
        c.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        r = c.getresponse()
        return r.status, r.read()

    prompt = "Name three rivers of Europe, and the seas that they reach. " * 12
    before = series(server.get("/metrics"))
    n_output = 0
    for i in range(3):
        status, body = ask({"model": server.name, "max_tokens": 8, "messages": [{"role": "user", "content": prompt}]})
        check(f"answer {i} comes", status == 200)
        n_output += json.loads(body)["usage"]["completion_tokens"]
    status, _ = ask({"model": server.name, "messages": "no"})
    check("a malformed request is refused", status == 400)
    text = server.get("/metrics")
    after = series(text)
    check("answers are counted", total(after, "bitworth_requests_total", outcome="answered", code="200") == 3)
    check("the refusal is counted", total(after, "bitworth_requests_total", outcome="refused", code="400") == 1)
    check("output tokens add up with usage", total(after, "bitworth_tokens_total", kind="output") == n_output)
    check("the second and third answer reuse the prompt's page", total(after, "bitworth_tokens_total", kind="reused") > 0)
    check("three first tokens were timed", total(after, "bitworth_time_to_first_token_seconds_count") == 3)
    check("weights are in memory", total(after, "bitworth_weight_bytes") > 50e6)
    check("resident memory is at least the weights",
          after["bitworth_resident_memory_bytes"] > total(after, "bitworth_weight_bytes"))
    check("used of the cache is not more than there is",
          0 < total(after, "bitworth_kv_cache_used_bytes") <= total(after, "bitworth_kv_cache_bytes"))
    check("nothing runs or waits", total(after, "bitworth_running") == total(after, "bitworth_queue_length") == 0)
    check("counters never fall", all(after[k] >= v for k, v in before.items() if k.split("{")[0].endswith("_total")))
    promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if promtool:
        said = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
        check("promtool has nothing to say" + said.stderr, said.returncode == 0 and not said.stdout + said.stderr)
    else:
        print("promtool is not here: the format was not checked by it")
sys.exit(failed > 0)

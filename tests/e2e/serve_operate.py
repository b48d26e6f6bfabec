#!/usr/bin/env python3
"""A server under load: deploys and undos without a failed request, kill -9 at random moments, answers replayed.

Oracles: the client's own list of what was acknowledged to it; `audit verify`; the bytes of a repeat of the same key; a
replay under another instruction set. BITWORTH_LONG_TESTS=1: 20 switches and 20 kills instead of 6 and 5.
"""
import json, os, random, signal, subprocess, sys, tempfile, threading, time, urllib.error, urllib.request

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path.insert(0, "tests/e2e")
from serving import BITWORTH, Server, model  # noqa: E402

LONG = os.environ.get("BITWORTH_LONG_TESTS") == "1"
SWITCHES, KILLS = (20, 20) if LONG else (6, 5)
SMALL = model("smollm2")
seed = int(os.environ.get("BITWORTH_SEED", time.time()))
print("seed", seed)
random.seed(seed)
failed = []


def check(what, ok, detail=""):
    print(("ok    " if ok else "FAILED ") + what + (f": {detail}" if detail and not ok else ""), flush=True)
    if not ok:
        failed.append(what)


def run(*args, env=None):
    done = subprocess.run([BITWORTH, *args], capture_output=True, text=True, env=dict(os.environ, **(env or {})))
    return done.returncode, done.stdout, done.stderr


def contract(folder, file):
    path = os.path.join(folder, "contract.toml")
    with open(path, "w") as f:
        f.write(f"""name = "operate"
owner = "tests"
default_class = "story"
keep_text = true
[deployments.small]
file = "{file}"
context = 256
slots = 4
[classes.story]
max_prompt_tokens = 64
max_output_tokens = 24
chain = ["small"]
[classes.poem]
max_prompt_tokens = 64
max_output_tokens = 24
chain = ["small"]
""")
    return path


WORDS = ["cat", "dog", "house", "river", "stone", "bread", "wind", "lamp"]


class Load:
    """Threads that ask one request after the other, each with a key of its own; keeps what was acknowledged."""

    def __init__(self, server, threads=4):
        self.server, self.ended = server, threading.Event()
        self.acknowledged, self.refused, self.cut_off = {}, [], []
        self.threads = [threading.Thread(target=self.work) for _ in range(threads)]
        for t in self.threads:
            t.start()

    def request(self, key, body, **more):
        r = urllib.request.Request(self.server.root + "/v1/completions", body.encode(),
                                   {"Content-Type": "application/json", "Idempotency-Key": key, **more})
        with urllib.request.urlopen(r, timeout=60) as answer:
            return answer.read(), answer.headers

    def work(self):
        while not self.ended.is_set():
            key = "%016x" % random.getrandbits(64)
            body = json.dumps({"model": "operate", "prompt": f"The {random.choice(WORDS)} and the {random.choice(WORDS)}",
                               "max_tokens": random.randint(4, 24), "temperature": random.choice([0, 0.8]),
                               "seed": random.randint(0, 1 << 30)})
            try:
                self.acknowledged[key] = (body, self.request(key, body)[0])
            except urllib.error.HTTPError as e:
                self.refused.append((e.code, e.read().decode()[:200]))
            except OSError as e:
                self.cut_off.append((key, body, repr(e)))
                if self.server.process.poll() is not None:
                    return
            except Exception as e:  # noqa: BLE001: half an answer, of a server that was killed
                self.cut_off.append((key, body, repr(e)))

    def stop(self):
        self.ended.set()
        for t in self.threads:
            t.join()


def public_key(server_said_stdout_line):
    return server_said_stdout_line.split("(key ")[1].rstrip(")\n")


def entries(folder):
    rc, out, err = run("audit", "show", folder, "--last", "0", "--json")
    if rc:
        raise RuntimeError(err)
    return json.loads(out)


with tempfile.TemporaryDirectory() as work:
    other = os.path.join(work, "other.gguf")
    rc, _, err = run("quantize", SMALL, other, "--type", "Q4_0", "--quiet")
    check("a second file is made", rc == 0, err)
    toml, folder = contract(work, SMALL), os.path.join(work, "log")

    # ---- switches under load
    server = Server(toml, folder=folder)
    key = public_key(server.process.stdout.readline())
    load = Load(server)
    time.sleep(1)
    seconds = []
    for i in range(SWITCHES):
        what = ["undo", "small"] if i % 2 else ["set", "small", "--file", other]
        rc, out, err = run("deploy", *what, "--log-dir", folder, "--who", "test", "--why", f"switch {i}", "--json")
        check(f"deploy {what[0]} {i}", rc == 0, err)
        if rc == 0:
            seconds.append(json.loads(out)["seconds"])
    load.stop()
    check(f"no request failed while {SWITCHES} switches were made ({len(load.acknowledged)} answered; a switch takes "
          f"{sum(seconds) / max(1, len(seconds)):.2f} s)", not load.refused and not load.cut_off and
          len(load.acknowledged) > SWITCHES, f"{load.refused[:3]} {load.cut_off[:3]}")
    used = {json.loads(a)["bitworth"]["model_sha256"] for _, a in load.acknowledged.values()}
    check("both files answered", len(used) == 2)
    rc, out, err = run("audit", "why", folder, "small")
    check("audit why names who and why", rc == 0 and "test" in out and f"switch {SWITCHES - 1}" in out, out + err)
    check("SIGTERM: exit 0", server.stop() == 0)

    # ---- replay
    rc, out, err = run("audit", "verify", folder, "--key", key)
    check("audit verify", rc == 0, out + err)
    some = []
    for e in entries(folder):
        if e["entry"]["kind"] == "answer":
            some.append(str(e["index"]))
    some = some[:100]
    for isa in ["", "avx2"]:
        rc, out, err = run("audit", "replay", folder, *some, "--json", env={"BITWORTH_ISA": isa} if isa else None)
        got = json.loads(out) if rc == 0 else {}
        check(f"{len(some)} answers replayed {'by ' + isa if isa else 'here'}: the same bytes ({got.get('isa')})",
              rc == 0 and got["n_same"] >= len(some) and got["n_differ"] == 0 and got["n_not_possible"] == 0, out[-500:] + err)

    # ---- kill -9 at random moments
    acknowledged, cut_off = dict(load.acknowledged), []
    for i in range(KILLS):
        server = Server(toml, folder=folder)
        server.process.stdout.readline()
        load = Load(server)
        time.sleep(random.uniform(0.05, 1.5))
        server.stop(signal.SIGKILL)
        load.stop()
        acknowledged.update(load.acknowledged)
        cut_off += load.cut_off
    server = Server(toml, folder=folder)
    server.process.stdout.readline()
    again = Load(server, threads=0)
    wrong = []
    for k, (body, answer) in acknowledged.items():
        repeat, headers = again.request(k, body)
        if repeat != answer or headers.get("Idempotency-Replayed") != "true":
            wrong.append((k, answer[-120:], repeat[-120:]))
    check(f"{KILLS} kills: every answer that was acknowledged ({len(acknowledged)}) is replayed byte for byte", not wrong,
          str(wrong[:2]))
    k, (body, _) = next(iter(acknowledged.items()))
    try:
        again.request(k, body, **{"X-Bitworth-Class": "poem"})
        status = 200
    except urllib.error.HTTPError as e:
        status = e.code
    check("a key with the same request of another class: 422", status == 422, str(status))
    for k, body, _ in cut_off:  # what was cut off is answered now, once
        again.request(k, body)
    check("SIGTERM: exit 0 again", server.stop() == 0)
    rc, out, err = run("audit", "verify", folder, "--key", key)
    check("audit verify after the kills", rc == 0, out + err)
    logged = entries(folder)
    by_index = {e["index"]: e["entry"] for e in logged}
    missing = [a for _, a in acknowledged.values()
               if by_index.get(json.loads(a)["bitworth"]["log_index"], {}).get("id") != json.loads(a)["id"]]
    check("each acknowledged answer is in the log where its receipt says", not missing, str(missing[:1]))
    keys = [e["entry"]["key_sha256"] for e in logged if e["entry"]["kind"] == "answer"]
    check(f"every key was executed once ({len(keys)} answers, {len(cut_off)} were cut off first)",
          len(keys) == len(set(keys)) and len(keys) == len(acknowledged) + len(set(k for k, _, _ in cut_off)))

sys.exit(1 if failed else 0)

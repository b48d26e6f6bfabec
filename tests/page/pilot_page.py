#!/usr/bin/env python3
"""The pilot on the command line, from the plan to the decision, and its pages in a browser: hostile notes do nothing,
failures unfold by keyboard, nothing is fetched. In: $BITWORTH. Out: 0, 77 skipped; screenshots where BITWORTH_SHOTS says."""
import datetime
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser  # noqa: E402

HOSTILE = "<img src=x onerror=alert('pwned')><script>alert(1)</script></blockquote>\u202etxt\u200b"


def moment(days=0, hours=0, minutes=0):
    t = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days, hours=hours, minutes=minutes)
    return t.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def plan():
    return f'''name = "desk"
owner = "Maria Rossi"
friction = "bookings are typed twice, and the second time wrong"
[scope]
in = "bookings that come by mail"
out = ["calls", "changes of a booking"]
cases_per_day = 40
[baseline]
what = "two people type them"
minutes_per_case = 4.0
cost_per_case = 2.0
from = "30 cases timed in November"
[candidate]
contract = "contract.toml"
deployment = "small"
[fallback]
what = "two people type them, as before"
[window]
start = {moment(hours=-1)}
end = {moment(days=14)}
[measures.minutes]
says = "minutes of a person, a case"
from = "events"
by = "the desk, with a stopwatch"
unit = "min"
better = "lower"
role = "gain"
before = 4.0
before_from = "30 cases timed"
margin = 1.0
spread = 2.0
[measures.wrong]
says = "cases found wrong afterwards"
from = "events"
by = "the desk"
unit = "share"
role = "guard"
before = "3 %"
before_from = "complaints of last year"
margin = "10 %"
[failures]
wrong_value = "a field has another value than the mail"
missing_value = "a field of the mail is not there"
[triggers.wrong]
says = "more wrong than a person ever was"
figure = "failure"
above = "8 %"
over = 50
least = 20
action = "undo"
[triggers.slow]
figure = "minutes"
above = 4.0
over = 30
least = 15
action = "notify"
[decisions]
extend = "minutes shown, wrong holds, Maria's team agrees"
simplify = "minutes shown for bookings of one table"
stop = "wrong fails, or the trigger fired twice"
'''


def run(*words, rc=0):
    p = subprocess.run([os.environ["BITWORTH"], *words], capture_output=True, text=True, check=False)
    assert p.returncode == rc, (words, p.returncode, p.stdout, p.stderr)
    return p.stdout + p.stderr


def lines(n, wrong_from):
    out = []
    for i in range(n):
        case = f"mail-{i}"
        at = moment(minutes=0)
        out.append({"time": at, "case": case, "class": "one table" if i % 3 else "a group", "kind": "after",
                    "measure": "minutes", "value": 1.5 + (i % 5) * 0.4, "who": "Ada"})
        out.append({"time": at, "case": case, "kind": "after", "measure": "wrong", "value": int(i >= wrong_from and i % 4 == 0)})
        if i >= wrong_from and i % 4 == 0:
            out.append({"time": at, "case": case, "kind": "failure", "category": "wrong_value", "note": HOSTILE, "who": "Bo " + HOSTILE})
    return "".join(json.dumps(x) + "\n" for x in out)


def silent(b, page):
    b.open("file://" + page)
    b.quiet()
    tags = b.js("[...document.querySelectorAll('*')].map(e => e.tagName)")
    assert "SCRIPT" not in tags and "IMG" not in tags, tags
    assert not b.js("[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))")
    assert b.requests[-1].startswith(("file://", "data:")) and not [r for r in b.requests if r.startswith("http")], b.requests


def main():
    with tempfile.TemporaryDirectory() as folder:
        shots = os.environ.get("BITWORTH_SHOTS", folder)
        at = lambda name: os.path.join(folder, name)  # noqa: E731
        served = at("served")
        run("audit", "init", served)
        assert "owner: one person" in run("pilot", "check", at("new.toml"), rc=2) if run("pilot", "new", at("new.toml")) else ""
        with open(at("desk.toml"), "w") as f:
            f.write(plan())
        print(run("pilot", "check", at("desk.toml")))
        with open(at("no_end.toml"), "w") as f:
            f.write("\n".join(x for x in plan().splitlines() if not x.startswith("end =")))
        assert "missing: window.end" in run("pilot", "check", at("no_end.toml"), rc=2)
        assert "no pilot runs" in run("pilot", "status", "--log-dir", served, rc=2)
        print(run("pilot", "start", at("desk.toml"), "--log-dir", served))
        with open(at("old.jsonl"), "w") as f:
            f.write(json.dumps({"time": moment(minutes=-5), "case": "x", "kind": "after", "measure": "minutes", "value": 1}) + "\n")
        assert "is before this pilot was started" in run("pilot", "event", at("old.jsonl"), "--log-dir", served, rc=2)
        with open(at("week1.jsonl"), "w") as f:
            f.write(lines(20, 1000))
        print(run("pilot", "event", at("week1.jsonl"), "--log-dir", served))
        with open(at("week2.jsonl"), "w") as f:
            f.write(lines(40, 20).split("\n", 40)[-1])
        out = run("pilot", "event", at("week2.jsonl"), "--log-dir", served, rc=3)
        print(out)
        assert "FIRED wrong: failure" in out and "no server writes this log" in out, out
        text = run("pilot", "status", "--log-dir", served, "--html", at("pilot.html"), rc=3)
        print(text)
        assert "\u202e" not in text and "\x1b" not in text
        run("pilot", "card", at("card.toml"))
        decide = ["pilot", "decide", "stop", "--why", "too many wrong " + HOSTILE, "--card", at("card.toml"), "--html",
                  at("decision.html"), "--log-dir", served]
        assert "empty: learnt, evidence_for" in run(*decide, rc=2)
        with open(at("card.toml"), "w") as f:
            f.write("learnt = 'one table works'\nevidence_for = '5 of 40 wrong'\nevidence_against = 'minutes fell'\n"
                    "decided_by = 'Maria Rossi'\ndata = 'kept a year'\n[alternatives]\nextend = 'fewer wrong'\n"
                    "simplify = 'one table alone'\nstop = 'nothing'\n")
        print(run(*decide))
        assert "pilot runs" in run("pilot", "status", "--log-dir", served, rc=2)
        key = open(at("served/log.pub")).read().strip()
        assert "verified" in run("audit", "verify", served, "--key", key)
        b = Browser()
        try:
            for name in ("pilot", "decision"):
                silent(b, at(name + ".html"))
                assert "txt" in b.js("document.body.textContent") and "⟨U+202E⟩" in b.js("document.body.textContent")
                b.screenshot(os.path.join(shots, f"pilot_{name}.png"))
                for dark in (False, True):
                    b.dark(dark)
                    assert not b.low_contrast(), (name, dark, b.low_contrast())
                b.dark(False)
            silent(b, at("pilot.html"))
            for question in ("Where is time gained?", "Where does risk rise?", "What can be standardised?",
                             "What stays with human judgement?"):
                assert question in b.js("[...document.querySelectorAll('h2')].map(e => e.textContent).join('|')")
            assert not b.js("document.querySelector('details').open")
            for _ in range(20):
                b.key("Tab")
                if b.js("document.activeElement.tagName") == "SUMMARY":
                    break
            b.key("Tab")
            b.key("Enter")
            b.js("new Promise(r => setTimeout(r, 100))")
            opened = b.js("[...document.querySelectorAll('details')].filter(d => d.open).map(d => d.textContent).join()")
            assert "mail-" in opened, "a failure's cases unfold by keyboard"
            b.screenshot(os.path.join(shots, "pilot_open.png"))
            b.quiet()
        finally:
            b.close()
    print("pilot pages: hostile notes did nothing, nothing was fetched")
    return 0


sys.exit(main())

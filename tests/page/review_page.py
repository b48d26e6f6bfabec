#!/usr/bin/env python3
"""The review pages in a browser: hostile answers do nothing, the keyboard decides, forms work without script, colours
can be read. In: $BITWORTH's folder, which holds page_server. Out: 0, 77 skipped; screenshots where BITWORTH_SHOTS says."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser  # noqa: E402

HOSTILE = [
    "<script>alert('pwned')</script>",
    "<img src=x onerror=alert('pwned')><svg onload=alert('pwned')>",
    "</textarea><script>alert('pwned')</script></pre></title><body onload=alert('pwned')>",
    "\"><input autofocus onfocus=alert('pwned')>' onmouseover='alert(1)",
    "<a href=\"javascript:alert('pwned')\">click</a> javascript:alert(1)",
    "{{constructor.constructor('alert(1)')()}} ${alert(1)} <%= alert(1) %> #{alert(1)}",
    "safe\u202etxt.exe \u2066hidden\u2069 zero\u200bwidth \ufeff \U000e0041\U000e0042 \u2028",
    "<!--<script>]]><![CDATA[<style>*{display:none}</style><base href=//evil><meta http-equiv=refresh content=0;url=//evil>",
    "<iframe srcdoc=\"<script>parent.alert(1)</script>\"></iframe><object data=//evil><form action=//evil><button>x",
    "<link rel=stylesheet href=//evil/x.css><style>@import '//evil/y.css'</style>",
    "bell\a escape\x1b[31m nul-free \x7f\x9b",
]


def items():
    out = []
    for i, text in enumerate(HOSTILE):
        out.append({"answer": f"ans_h{i} {text}"[:200], "class": text[:60], "messages": [{"role": "user" + text, "content": text}],
                    "why": text, "attempts": [{"deployment": "small" + text, "text": text, "failed": [["schema" + text, text]]},
                                              {"deployment": "careful", "text": text[::-1], "failed": []}]})
    out.append({"answer": "ans_long", "class": "extract", "messages": [{"role": "user", "content": "a megabyte"}], "why": "long",
                "attempts": [{"deployment": "small", "text": "<b>" + "x" * (1 << 20), "failed": []},
                             {"deployment": "careful", "text": "y" * (1 << 20), "failed": []}]})
    for i in range(5):
        out.append({"answer": f"ans_{i}", "class": "extract",
                    "messages": [{"role": "system", "content": "Extract the fields as JSON."},
                                 {"role": "user", "content": "Book a table for two in Rome tomorrow at 8, near the Trevi fountain."}],
                    "why": "every attempt failed its checks",
                    "attempts": [{"deployment": "small (4-bit)", "text": '{"city": "Roma", "people": "2", "time": "tomorrow at 8"}',
                                  "failed": [["schema", 'the field "city" is not allowed; allowed: town, people, time, spot']]},
                                 {"deployment": "careful (8-bit)",
                                  "text": '{"town": "Rome", "people": "two", "time": "tomorrow at 8", "spot": "Trevi"}',
                                  "failed": [["mean_log_prob", "-0.41 nats a token, at least -0.30 is asked for"]]}]})
    return out


class Server:
    def __init__(self, program, folder):
        path = os.path.join(folder, "items.json")
        with open(path, "w") as f:
            json.dump(items(), f)
        self.process = subprocess.Popen([program, os.path.join(folder, "review.db"), path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.root = f"http://127.0.0.1:{self.process.stdout.readline().split()[1]}/review"

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def nothing_runs(b, root, shots):
    b.open(root + "?state=all&reviewer=%3Cscript%3Ealert(1)%3C/script%3E%22onfocus=alert(1)%20autofocus")
    b.quiet()
    assert b.js("document.querySelectorAll('script').length") == 1, "the page's own"
    wanted = None
    for i in range(1, len(HOSTILE) + 1):
        b.open(f"{root}/{i}?reviewer=Ada&done=1")
        b.quiet()
        tags = b.js("[...document.querySelectorAll('*')].map(e => e.tagName)")
        for bad in ("IMG", "SVG", "IFRAME", "OBJECT", "STYLE", "BASE", "svg"):
            assert bad not in tags, (i, bad)
        assert tags.count("SCRIPT") == 1 and tags.count("META") == 2 and tags.count("LINK") == 1, i
        handlers = b.js("[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))")
        assert not handlers, (i, handlers)
        assert not b.js("[...document.querySelectorAll('[href],[action]')].filter(e => /^javascript:/i.test("
                        "e.getAttribute('href') || e.getAttribute('action'))).length"), i
        shown = b.js("document.querySelector('article pre').textContent")
        hidden = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e\u2066\u2069\ufeff\U000e0041\U000e0042]")
        text = HOSTILE[i - 1]
        assert shown == hidden.sub(lambda m: f"⟨U+{ord(m[0]):04X}⟩", text), (i, shown)
        forms = [t for t in tags if t == "FORM"]
        wanted = wanted or len(forms)
        assert len(forms) == wanted == 4, (i, len(forms))
        if i == 7:
            b.screenshot(os.path.join(shots, "review_hidden.png"))
    assert not [u for u in b.requests if "evil" in u or not u.startswith((root, "about:", "data:"))], b.requests
    start = time.monotonic()
    b.open(f"{root}/{len(HOSTILE) + 1}?reviewer=Ada")
    b.quiet()
    assert b.js("[...document.querySelector('article').querySelectorAll('pre')].map(e => e.textContent.length).join()") == \
        "32768,1015811", "all of it is there, the most of it folded"
    assert b.js("document.documentElement.scrollWidth <= innerWidth"), "a line of a megabyte does not widen the page"
    took = time.monotonic() - start
    print(f"a megabyte a line: shown in {took:.1f} s")
    assert took < 30


def the_policy_holds(b, root):
    """Were an escape ever missed: the policy alone stops it. Injected by the debugger, past the escaping."""
    b.open(root)
    b.js("""document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.pwned=1"><a id=evil href="javascript:window.pwned=2">x</a>');
            document.getElementById('evil').click();
            const s = document.createElement('script'); s.textContent = 'window.pwned = 3'; document.body.append(s);""")
    b.js("new Promise(r => setTimeout(r, 300))")
    assert b.js("window.pwned === undefined")
    assert any("Content Security Policy" in s for s in b.said), b.said
    b.said.clear()


def keyboard(b, root, shots):
    first = len(HOSTILE) + 2
    b.open(root + "?state=waiting")
    b.key("j")
    assert b.js("document.activeElement.className") == "item"
    b.key("j")
    assert b.js("document.activeElement.textContent") == "Item 2", "one down"
    b.key("k")
    b.loading(lambda: b.key("Enter"))
    assert b.js("location.pathname") == "/review/1"
    # accept: focus on the second attempt, then a
    b.open(f"{root}/{first}?reviewer=Ada")
    assert b.js("document.activeElement === document.body")
    b.screenshot(os.path.join(shots, "review_item.png"))
    b.dark(True)
    b.screenshot(os.path.join(shots, "review_item_dark.png"))
    b.dark(False)
    b.js("new Promise(r => setTimeout(r, 1200))")
    assert b.js("document.getElementById('clock').textContent") in ("0:01", "0:02", "0:03"), "the clock runs"
    b.key("j")
    b.key("j")
    assert b.js("document.activeElement.getAttribute('aria-labelledby')") == "a2"
    outline = b.js("getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "solid3px", outline
    b.loading(lambda: b.key("a"))
    assert b.js("location.pathname") == f"/review/{first + 1}", "the next that waits"
    b.open(f"{root}/{first}")
    assert "accepted" in b.js("document.querySelector('h1').textContent")
    seconds = float(re.search(r"([0-9]+) s spent", b.js("document.body.textContent"))[1])
    assert 1 <= seconds <= 30, seconds
    # correct: c, change the text, Ctrl+Enter
    b.open(f"{root}/{first + 1}?reviewer=Ada")
    b.key("c")
    assert b.js("document.activeElement.id") == "text"
    b.js("document.activeElement.setSelectionRange(0, document.activeElement.value.length)")
    b.type('{"town": "Rome",\n "people": "2"}')
    b.key("j")
    assert b.js("document.activeElement.id") == "text", "letters in a field are letters"
    b.js("document.activeElement.value = document.activeElement.value.replace('j', '')")
    b.loading(lambda: b.key("Enter", ctrl=True))
    b.open(f"{root}/{first + 1}")
    assert b.js("[...document.querySelectorAll('pre')].pop().textContent") == '{"town": "Rome",\n "people": "2"}'
    # reject: r, nothing typed is refused by the page, then a reason and Enter; the name is asked for where it is not known
    b.open(f"{root}/{first + 2}")
    b.key("r")
    assert b.js("document.activeElement.id") == "reason"
    b.type("the town is missing")
    b.key("Enter")
    b.js("new Promise(r => setTimeout(r, 200))")
    assert b.js("location.pathname").endswith(str(first + 2)), "a name is needed"
    b.js("document.getElementById('who-r').focus()")
    b.type("Bo <b>")
    b.loading(lambda: b.key("Enter"))
    b.open(f"{root}/{first + 2}")
    assert "rejected by Bo <b>" in b.js("document.body.textContent").replace("\n", " ")
    # keys off
    b.open(f"{root}/{first + 3}?reviewer=Ada")
    b.js("document.getElementById('keys').click()")
    b.js("document.activeElement.blur()")
    b.key("j")
    assert b.js("document.activeElement === document.body"), "switched off"
    b.open(f"{root}/{first + 3}?reviewer=Ada")
    assert not b.js("document.getElementById('keys').checked"), "and stays so"
    b.js("document.getElementById('keys').click()")
    # what the server refuses comes back with what was typed, and is said first
    b.open(f"{root}/{first + 3}?reviewer=Ada")
    b.loading(lambda: b.js("document.querySelector('textarea').form.requestSubmit()"))
    assert "attempt 2 unchanged" in b.js("document.activeElement.textContent"), "the alert has the focus"
    b.said = [s for s in b.said if "400" not in s]  # the browser logs the status of a page
    b.screenshot(os.path.join(shots, "review_refused.png"))
    b.open(root + "?state=all&reviewer=Ada")
    b.screenshot(os.path.join(shots, "review_list.png"))
    b.quiet()


def hidden_time_does_not_count(b, root):
    b.open(f"{root}/{len(HOSTILE) + 5}?reviewer=Ada")
    set_hidden = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))"
    b.js(set_hidden % "true")
    b.js("new Promise(r => setTimeout(r, 2500))")
    b.js(set_hidden % "false")
    b.js("document.querySelector('form[method=post]').addEventListener('submit', (e) => { e.preventDefault(); "
         "window.measured = e.target.elements.seconds.value; }); document.querySelector('form[method=post] button').click()")
    assert float(b.js("window.measured")) < 2, b.js("window.measured")


def readable(b, root):
    for page in ("?state=all&reviewer=Ada", f"/{len(HOSTILE) + 5}", "/7?reviewer=Ada", f"/{len(HOSTILE) + 4}"):
        for dark in (False, True):
            b.dark(dark)
            b.open(root + page)
            assert not b.low_contrast(), (page, dark, b.low_contrast())
    b.dark(False)
    b.open(f"{root}/{len(HOSTILE) + 5}")
    assert b.js("document.documentElement.lang") == "en"
    unnamed = b.js("[...document.querySelectorAll('input:not([type=hidden]),textarea')].filter(e => !e.labels.length).map(e => e.id)")
    assert not unnamed, unnamed
    levels = b.js("[...document.querySelectorAll('h1,h2,h3')].map(e => Number(e.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1 and all(n - p <= 1 for p, n in zip(levels, levels[1:])), levels
    assert b.js("document.getAnimations().length") == 0
    ids = b.js("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids)), ids


def without_script(b, root):
    b.call("Emulation.setScriptExecutionDisabled", value=True)
    item = f"{root}/{len(HOSTILE) + 6}"
    b.open(item + "?reviewer=Ada")
    b.call("DOM.enable")
    document = b.call("DOM.getDocument")["root"]["nodeId"]
    button = b.call("DOM.querySelector", nodeId=document, selector="button.accept")["nodeId"]
    b.call("DOM.focus", nodeId=button)
    b.loading(lambda: b.key("Enter"))
    b.open(item)
    b.call("Emulation.setScriptExecutionDisabled", value=False)
    assert "accepted" in b.js("document.querySelector('h1').textContent")


def narrow(root, shots):
    b = Browser(390, 844)
    try:
        b.open(f"{root}/{len(HOSTILE) + 5}?reviewer=Ada")
        assert b.js("document.documentElement.scrollWidth <= innerWidth"), "fits a telephone"
        b.screenshot(os.path.join(shots, "review_narrow.png"))
    finally:
        b.close()


def main():
    program = os.path.join(os.path.dirname(os.environ["BITWORTH"]), "page_server")
    if not os.path.exists(program):
        print(f"{program} is not built")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        shots = os.environ.get("BITWORTH_SHOTS", folder)
        server, b = Server(program, folder), Browser()
        try:
            nothing_runs(b, server.root, shots)
            the_policy_holds(b, server.root)
            keyboard(b, server.root, shots)
            hidden_time_does_not_count(b, server.root)
            readable(b, server.root)
            without_script(b, server.root)
            narrow(server.root, shots)
            # Silence means something: a page that does speak is heard, a dialog is seen.
            b.open("data:text/html,<script>console.error('probe');alert('probe')</script>")
            b.js("1")
            assert b.dialogs == ["probe"] and any("probe" in s for s in b.said)
        finally:
            b.close()
            server.close()
    print("review pages: hostile answers did nothing, the keyboard decided, nothing was said on the console")
    return 0


sys.exit(main())

"""A headless Chromium for the page tests, told what to do over its debugging pipe. In: a URL or a file. Out: what is on
the page, in its console and in dialogs; key strokes; screenshots. Source: chromedevtools.github.io/devtools-protocol."""
import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, "")}


class Browser:
    def __init__(self, width=1000, height=900, scale=1):
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if not program:
            print("chromium is not here: ./dev deps test")
            sys.exit(77)
        self.folder = tempfile.mkdtemp(prefix="bw_chromium_")
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()

        def wire():  # Chromium reads at 3 and writes at 4
            a, b = os.dup(to_read), os.dup(from_write)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
             f"--user-data-dir={self.folder}", f"--window-size={width},{height}", "about:blank"],
            preexec_fn=wire, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        self.out, self.inp, self.buffer, self.n = to_write, from_read, b"", 0
        self.events, self.said, self.dialogs, self.session = [], [], [], None
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.requests = []
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def receive(self, until):
        while b"\0" not in self.buffer:
            if not select.select([self.inp], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            piece = os.read(self.inp, 1 << 16)
            if not piece:
                raise RuntimeError("the browser ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def take(self, m):
        method, p = m.get("method", ""), m.get("params", {})
        if method == "Runtime.consoleAPICalled":
            self.said.append("console: " + json.dumps(p["args"])[:300])
        elif method == "Runtime.exceptionThrown":
            self.said.append("exception: " + json.dumps(p["exceptionDetails"])[:300])
        elif method == "Log.entryAdded":
            self.said.append("log: " + p["entry"]["text"][:300])
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(p["message"])
            self.send("Page.handleJavaScriptDialog", accept=True)
        elif method == "Network.requestWillBeSent":
            self.requests.append(p["request"]["url"])
        self.events.append(method)

    def send(self, method, **params):
        self.n += 1
        message = {"id": self.n, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data):]
        return self.n

    def call(self, method, timeout=60, **params):
        wanted, until = self.send(method, **params), time.monotonic() + timeout
        while True:
            m = self.receive(until)
            if m is None:
                raise RuntimeError(f"{method}: no answer in {timeout} s")
            if m.get("id") == wanted:
                if "error" in m:
                    raise RuntimeError(f"{method}: {m['error']}")
                return m["result"]
            self.take(m)

    def wait_for(self, event, timeout=60):
        until = time.monotonic() + timeout
        while event not in self.events:
            m = self.receive(until)
            if m is None:
                raise RuntimeError(f"{event} did not come in {timeout} s")
            self.take(m)

    def loading(self, act):
        self.events = []
        act()
        self.wait_for("Page.loadEventFired")

    def open(self, url):
        self.loading(lambda: self.call("Page.navigate", url=url))

    def js(self, expression):
        r = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in r:
            raise RuntimeError(f"{expression}: {json.dumps(r['exceptionDetails'])[:500]}")
        return r["result"].get("value")

    def key(self, key, ctrl=False):
        code, text = KEYS.get(key, (ord(key.upper()[0]), key))
        p = dict(key=key, windowsVirtualKeyCode=code, modifiers=2 if ctrl else 0)
        self.call("Input.dispatchKeyEvent", type="keyDown", text="" if ctrl and key != "Enter" else text, **p)
        self.call("Input.dispatchKeyEvent", type="keyUp", **p)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def dark(self, on):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if on else "light"}])

    def screenshot(self, path, whole=True):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def quiet(self):
        """Nothing was said, nothing popped up; asked of the page, so that what it still had to say has come."""
        self.js("new Promise(r => setTimeout(r, 100))")
        assert not self.dialogs, self.dialogs
        assert not self.said, self.said

    # Text against its ground, WCAG 2.2 (1.4.3): contrast below 4.5 of any element that has text of its own.
    def low_contrast(self):
        return self.js("""(() => {
          const parse = (s) => (s.match(/[\\d.]+/g) || []).map(Number);
          const lum = (c) => { const f = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
            return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
          const probe = document.body.appendChild(document.createElement('i'));
          probe.style.backgroundColor = 'Canvas';
          const canvas = parse(getComputedStyle(probe).backgroundColor);
          probe.remove();
          const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
            if (c.length === 3 || c[3] === 1) return c; } return canvas; };
          const out = [];
          for (const e of document.querySelectorAll('body *')) {
            if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && !['INPUT', 'TEXTAREA'].includes(e.tagName)) continue;
            const a = lum(parse(getComputedStyle(e).color)), b = lum(ground(e));
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (ratio < 4.5) out.push(e.tagName + ' ' + e.className + ' ' + ratio.toFixed(2));
          }
          return out; })()""")

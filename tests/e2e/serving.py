"""A `bitworth serve` for a test: started, asked until it is ready, stopped. Not a test itself."""
import contextlib, os, signal, subprocess, sys, tempfile, urllib.request

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "bitworth")
BITWORTH = os.environ.get("BITWORTH", "build/release/bitworth")
MODELS = {"smollm2": "smollm2-135m", "qwen0.5b": "qwen2.5-coder-0.5b"}


def model(name):
    """The path of a cached model, or the end of the test with what to do."""
    path = os.path.join(CACHE, "models", MODELS[name] + ".gguf")
    if not os.path.exists(path):
        print(f"the model {name} is not here: ./dev model {name}")
        sys.exit(77)
    return path


class Server:
    def __init__(self, what, *args, folder, env=None):
        self.folder = folder
        self.process = subprocess.Popen([BITWORTH, "serve", what, "--port", "0", "--log-dir", folder, "--quiet", *args],
                                        stdout=subprocess.PIPE, stderr=open(folder + ".err", "ab"), text=True,
                                        env=dict(os.environ, **(env or {})))
        first = self.process.stdout.readline()
        if " on http" not in first:
            self.process.wait()
            raise RuntimeError(f"serve {what}: exit {self.process.returncode}: {open(folder + '.err').read()[-2000:]}")
        self.name = first.split()[1]
        self.url = first.split()[3]  # up to and with /v1
        self.root = self.url[:-3]

    def get(self, path):
        with urllib.request.urlopen(self.root + path, timeout=20) as r:
            return r.read().decode()

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        return code

    def said(self):
        return open(self.folder + ".err").read()


@contextlib.contextmanager
def serving(what, *args, folder=None, env=None):
    with tempfile.TemporaryDirectory() as work:
        server = Server(what, *args, folder=folder or os.path.join(work, "log"), env=env)
        try:
            yield server
        finally:
            server.stop()


def client_python(package, version):
    """An interpreter that has `package`, in an environment of its own in the cache; or the end of the test."""
    folder = os.path.join(CACHE, "clients", f"{package}-{version}")
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python) or subprocess.run([python, "-c", f"import {package}"], capture_output=True).returncode:
        made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True).returncode == 0 and \
            subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"{package}=={version}"],
                           capture_output=True).returncode == 0
        if not made:
            print(f"{package} {version} could not be installed by pip (package python3-venv; network)")
            sys.exit(77)
    return python

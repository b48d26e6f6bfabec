"""What a figure of bench/peers.py was measured on: processor, memory, kernel, load, versions, files.

In: /proc, the peers' interpreters, files. Out: plain dictionaries for the JSON; "unknown" where nothing says.
"""
import hashlib
import os
import platform
import subprocess
from pathlib import Path


def proc(name):
    try:
        return Path("/proc", name).read_text()
    except OSError:
        return ""


def field(text, key):
    for line in text.splitlines():
        if line.startswith(key) and ":" in line:
            return line.split(":", 1)[1].strip()
    return "unknown"


def memory_bytes(key):
    """Of /proc/meminfo, in bytes; 0 where it does not say."""
    value = field(proc("meminfo"), key + ":").split()[0]
    return int(value) * 1024 if value.isdigit() else 0


def describe():
    cpuinfo = proc("cpuinfo")
    return dict(cpu=field(cpuinfo, "model name"), processors=len(os.sched_getaffinity(0)),
                flags=(field(cpuinfo, "flags") if "flags" in cpuinfo else field(cpuinfo, "Features")).split(),
                memory_bytes=memory_bytes("MemTotal"), memory_available_bytes=memory_bytes("MemAvailable"),
                kernel=f"{platform.system()} {platform.release()}", load=list(os.getloadavg()))


def version_of(python, distribution):
    done = subprocess.run([python, "-c", f"import importlib.metadata as m; print(m.version({distribution!r}))"],
                          capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def warm(path):
    """Reads a file through, so that it lies in the page cache."""
    with open(path, "rb", buffering=0) as f:
        while f.read(8 << 20):
            pass

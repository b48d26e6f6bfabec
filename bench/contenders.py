"""Those that bench/peers.py measures: a peer as a process that answers JSON, and bitworth as its own commands.

In: a file, threads, sizes. Out: figures as dictionaries, or Failed with the reason, never an exit.
"""
import json
import subprocess
import threading
import time
from pathlib import Path

longest_answer_s = 1200  # a peer that says nothing for so long has failed


class Failed(Exception):
    """One that could not do what was asked; its text says why."""


class Peer:
    """A process of bench/peer_engines.py. Its own words go to the log."""

    def __init__(self, name, python, log, setup):
        self.name, self.log = name, open(log, "a")
        self.process = subprocess.Popen([python, str(Path(__file__).with_name("peer_engines.py")), name],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        start_new_session=True)  # Ctrl-C is ours to handle
        try:
            self.ask(setup)
        except BaseException:
            self.close(0)
            raise

    def ask(self, request):
        limit = threading.Timer(longest_answer_s, self.process.kill)
        limit.start()
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            while line := self.process.stdout.readline():
                if not line.startswith("{"):
                    self.log.write(line)
                    continue
                answer = json.loads(line)
                if "failed" in answer:
                    raise Failed(answer["failed"].strip().splitlines()[0][:300])
                return answer
        except (BrokenPipeError, json.JSONDecodeError):
            pass
        finally:
            limit.cancel()
        raise Failed(f"died (exit {self.process.wait()}); its last words are in {self.log.name}")

    def close(self, patience_s):
        """It ends by itself once its input does; what is at work is killed after patience_s."""
        try:
            self.process.stdin.close()
            self.process.wait(timeout=patience_s)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


class Bitworth:
    def __init__(self, program, threads):
        self.program, self.threads = program, threads

    def done(self, arguments):
        command = [self.program, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def bench(self, file, threads=None, **options):
        arguments = ["bench", file, "--threads", threads or self.threads, "--repeat", 1, "--json"]
        for name, value in options.items():
            arguments += [f"--{name}", value]
        return json.loads(self.done(arguments))

    def first_token(self, file, text):
        """Seconds from the start of the process to the first byte of the answer."""
        command = [self.program, "run", str(file), "--raw", "--prompt", text, "--max-tokens", "1", "--threads",
                   str(self.threads), "--quiet"]
        begin = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            first = process.stdout.read(1)
            seconds = time.perf_counter() - begin
            _, words = process.communicate()
        if process.returncode != 0 or not first:
            raise Failed(f"{' '.join(command)}: exit {process.returncode}: {words.decode(errors='replace')[-300:]}")
        return seconds

#!/usr/bin/env python3
"""Bitworth beside its peers on the same files, threads and machine, interleaved, in one run; tools/bench.sh calls it.

In: files, peers with the interpreters that have them, what to measure, rounds. Out: a table on stdout, a line a figure as
it is known, and JSON after every measure. While one is measured the others are idle; who begins changes every round. One
that cannot do a measure has `failed` there, and why below. Ctrl-C keeps what was measured.
"""
import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import contenders
import machine
import measures
import table

DISTRIBUTIONS = {"llama.cpp": "xllamacpp", "ik_llama.cpp": "ik-llama-cpp-python", "OpenVINO": "openvino-genai",
                 "llama.cpp native": "llama-cpp-python"}
NOTES = {"llama.cpp": "prebuilt wheel, for AVX2", "ik_llama.cpp": "prebuilt wheel, for AVX2; tensors repacked",
         "OpenVINO": "prebuilt, for every instruction set; computes and caches at a lower precision than the others by its "
                     "own default, and its answers differ; loads llama and qwen2 in Q4_0, Q4_1 and Q8_0 only",
         "llama.cpp native": "built here for this very processor"}


def tell(text):
    print(f"  {text}", file=sys.stderr, flush=True)


class Run:
    """One measure on one file: who takes part, what each gave in each round, who failed and why."""

    def __init__(self, measure, file, args):
        self.measure, self.file, self.args = measure, file, args
        self.rounds, self.failed, self.sessions = [], {}, {}
        self.names = ["bitworth", *args.peers]

    def open(self, name):
        made = []
        try:
            for setup in self.measure.setups():
                made.append(contenders.Peer(name, self.args.peers[name], self.args.log, dict(file=str(self.file), **setup)))
        except BaseException:
            self.close(made, 0)
            raise
        return made

    @staticmethod
    def close(peers, patience_s=10):
        for p in peers:
            p.close(patience_s)

    def one(self, name, i):
        if self.measure.fresh:
            machine.warm(self.file)
        if name == "bitworth":
            return self.measure.ours(self.args.ours, self.file, i)
        if not self.measure.fresh:
            return self.measure.ask(self.sessions[name], i)
        peers = self.open(name)
        try:
            return self.measure.ask(peers, i)
        except BaseException:
            self.close(peers, 0)
            peers = []
            raise
        finally:
            self.close(peers)

    def attempt(self, name, what):
        try:
            return what()
        except contenders.Failed as e:
            self.failed[name] = str(e)
            self.close(self.sessions.pop(name, []))
            tell(f"{name}: {e}")
            return None

    def begin(self):
        why = self.measure.refuses(self.file)
        if why:
            self.failed.update({n: why for n in self.names})
        if why or self.measure.fresh:
            return
        for name in self.args.peers:
            tell(f"{self.file.name}: {name} loads")
            peers = self.attempt(name, lambda n=name: self.open(n))
            if peers:
                self.sessions[name] = peers
                self.attempt(name, lambda p=peers: self.measure.warm_up(p))

    def all_rounds(self):
        self.begin()
        n = self.args.rounds
        for i in range(n):
            begin, round_ = time.monotonic(), {}
            self.rounds.append(round_)
            turn = i % len(self.names)
            for name in self.names[turn:] + self.names[:turn]:
                if name in self.failed:
                    continue
                got = self.attempt(name, lambda name=name, i=i: self.one(name, i))
                if got is not None:
                    round_[name] = got
            if not round_:
                return
            left = (n - 1 - i) * (time.monotonic() - begin)
            tell(f"{self.file.name}: {self.measure.figures[0].label}...: round {i + 1} of {n}"
                 + (f", about {left:.0f} s left" if left else ""))

    def run(self):
        """Returns whether it was stopped by Ctrl-C."""
        patience_s = 10
        try:
            self.all_rounds()
            return False
        except KeyboardInterrupt:
            patience_s = 0
            return True
        finally:
            for peers in self.sessions.values():
                self.close(peers, patience_s)

    def rows(self):
        for round_ in self.rounds:
            if hasattr(self.measure, "derive"):
                self.measure.derive(round_)
        return [self.row(f) for f in self.measure.figures]

    def row(self, figure):
        row = dict(label=figure.label, unit=figure.unit, file=self.file.name, engines={}, ratio={})
        for name in self.names:
            values = [r[name][figure.key] for r in self.rounds if r.get(name, {}).get(figure.key) is not None]
            of = row["engines"][name] = {}
            if values:
                of.update(median=statistics.median(values), low=min(values), high=max(values), n=len(values))
            if name in self.failed:
                of["failed"] = self.failed[name]
        ours = row["engines"]["bitworth"].get("median")
        for name in self.args.peers:
            theirs = row["engines"][name].get("median")
            if ours and theirs:
                row["ratio"][name] = ours / theirs if figure.more_is_better else theirs / ours
        mine = [r["bitworth"] for r in self.rounds if "bitworth" in r]
        shares = [m["share"][figure.key] for m in mine if m.get("share", {}).get(figure.key) is not None]
        if shares and ours:
            share = statistics.median(shares)
            row["share"] = {n: share * of["median"] / ours for n, of in row["engines"].items() if "median" in of}
        return row


def chosen(args):
    """[(measure, files)] in the order they are run."""
    names = ["speed" if n in ("prefill", "decode") else n for n in measures.NAMES if n in args.only]
    named = args.files
    for name in dict.fromkeys(names):
        if name == "memory":
            files = named or args.random
        elif name == "speed":
            files = named or args.models
        elif name == "start":
            files = named or args.start
        else:
            files = named or args.models[:1]
        yield measures.CLASSES[name](args), files


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench peers", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE",
                        help="measured by all that --only names (then by default prefill and decode)")
    parser.add_argument("--only", help=f"some of {','.join(measures.NAMES)}")
    parser.add_argument("--model", action="append", default=[], type=Path, dest="models",
                        help="a file where none is given; the first one for long, streams and threads too")
    parser.add_argument("--start", action="append", default=[], type=Path, help="for start, where no FILE is given")
    parser.add_argument("--random", action="append", default=[], type=Path, help="for memory, where no FILE is given")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON",
                        help=f"a peer ({', '.join(DISTRIBUTIONS)}) and the interpreter that has it")
    parser.add_argument("--missing", action="append", default=[], metavar="NAME=WHY", help="a peer that is not here")
    parser.add_argument("--without", default="", help="peers to leave out, with commas between")
    parser.add_argument("--bitworth", default="build/release/bitworth")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--depth", type=int, default=4096, help="positions held before decoding, for long")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--stream-prompt", type=int, default=128)
    parser.add_argument("--out", type=Path, help="JSON")
    parser.add_argument("--log", default="/dev/null", help="where the peers' own messages go")
    args = parser.parse_intermixed_args()  # FILEs before and after options
    args.only = args.only.split(",") if args.only else ["prefill", "decode"] if args.files else list(measures.NAMES)
    wrong = sorted(set(args.only) - set(measures.NAMES))
    if wrong:
        parser.error(f"--only: {', '.join(wrong)}: expected some of {', '.join(measures.NAMES)}")
    if min(args.rounds, args.prefill, args.decode - 1, args.depth, args.streams, args.stream_prompt, args.threads) < 1:
        parser.error("rounds, threads and sizes: at least 1, and 2 tokens of decode")
    out = set(filter(None, args.without.split(",")))
    args.peers = {n: p for n, p in (x.split("=", 1) for x in args.peer) if n not in out}
    args.missing = {n: w for n, w in (x.split("=", 1) for x in args.missing) if n not in out}
    unknown = sorted((set(args.peers) | set(args.missing) | out) - set(DISTRIBUTIONS))
    if unknown:
        parser.error(f"unknown peer {', '.join(unknown)}; known: {', '.join(DISTRIBUTIONS)}")
    return args


def save(report, out):
    if out:
        part = out.with_suffix(".part")
        part.write_text(json.dumps(report, indent=1) + "\n")
        part.replace(out)


def measure_all(args, report):
    names = ["bitworth", *args.peers]
    print(table.head(names), flush=True)
    for measure, files in chosen(args):
        if not files:
            label = measure.figures[0].label
            tell(f"{label}: no file for it is here")
            report["left_out"].append(f"{label}: no file")
        for file in files:
            if str(file) not in report["files"]:
                report["files"][str(file)] = dict(bytes=file.stat().st_size, sha256=machine.sha256(file))
            run = Run(measure, file, args)
            stopped = run.run()
            rows = run.rows()
            report["rows"] += rows
            report["runs"].append(dict(measure=type(measure).__name__.lower(), file=str(file), rounds=run.rounds,
                                       complete=not stopped))
            for r in run.rounds:
                report["bitworth_isa"] = r.get("bitworth", {}).get("isa", report.get("bitworth_isa"))
            for row in rows:
                print(table.line(row, names), flush=True)
            report["interrupted"] = stopped
            save(report, args.out)
            if stopped:
                return


def footer(report, names):
    print(table.legend())
    bandwidths = [r["bitworth"]["bandwidth"] for run in report["runs"] for r in run["rounds"]
                  if r.get("bitworth", {}).get("bandwidth")]
    if bandwidths:
        print(f"read bandwidth, on buffers of what a token reads: {min(bandwidths) / 1e9:.1f} to "
              f"{max(bandwidths) / 1e9:.1f} GB/s")
    rates = [r["bitworth"]["dot_rate"] for run in report["runs"] for r in run["rounds"] if r.get("bitworth", {}).get("dot_rate")]
    if rates:
        print(f"dot-product instruction alone: {min(rates) / 1e9:.0f} to {max(rates) / 1e9:.0f} GMAC/s")
    for name in names:
        print(f"{name} {report['peers'][name]['version']}: {NOTES[name]}")
    said = set()
    for row in report["rows"]:
        for name, of in row["engines"].items():
            if "failed" in of and (name, row["file"], of["failed"]) not in said:
                said.add((name, row["file"], of["failed"]))
                print(f"{name}, {row['file']}: failed: {of['failed']}")


def main():
    args = arguments()
    args.ours = contenders.Bitworth(args.bitworth, args.threads)
    report = dict(machine=machine.describe(), started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                  threads=args.threads, rounds=args.rounds, prefill=args.prefill, decode=args.decode, depth=args.depth,
                  streams=args.streams, stream_prompt=args.stream_prompt, bitworth=args.ours.done(["--version"]).strip(),
                  peers={n: dict(version=machine.version_of(p, DISTRIBUTIONS[n]), note=NOTES[n])
                         for n, p in args.peers.items()},
                  missing=args.missing, left_out=[], files={}, rows=[], runs=[], interrupted=False)
    print(f"{report['machine']['cpu']}, {args.threads} threads, {args.rounds} rounds interleaved")
    measure_all(args, report)
    report["ended"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    save(report, args.out)
    footer(report, args.peers)
    for name, why in args.missing.items():
        print(f"{name}: not measured: {why}")
    if args.out:
        print(f"all figures: {args.out}")
    if report["interrupted"]:
        print("stopped before the end: what was measured is above", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

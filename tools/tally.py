#!/usr/bin/env python3
"""Adds up what `./dev test` ran: in build/results (GoogleTest XML, ctest JUnit, tab-separated lines), out the
failures, the skips with their reasons, and one closing line "N passed, N failed, N skipped". Exit 1 on any failure, and
where nothing ran at all."""
import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def gtest(path, label):
    """(state, name, reason) of each case of one test program."""
    for case in ET.parse(path).getroot().iter("testcase"):
        name = f"{label}: {case.get('classname')}.{case.get('name')}"
        failures, skipped = case.findall("failure"), case.find("skipped")
        if failures:
            yield "fail", name, (failures[0].get("message") or "").splitlines()[0]
        elif skipped is not None:
            text = " ".join((skipped.get("message") or skipped.text or "no reason given").split())
            yield "skip", name, text
        elif case.get("status") == "run":
            yield "pass", name, ""


def programs(folder):
    """Cases of every program of one preset, and each program that left no cases behind (crash, timeout)."""
    label = folder.name
    reported = {}
    for path in sorted(folder.glob("*.xml")):
        try:
            reported[path.stem] = list(gtest(path, label))
        except ET.ParseError:
            continue  # half written: its program died, which ctest tells below
        yield from reported[path.stem]
    expected = folder / "expected"  # an emulated processor: its programs ran without ctest
    if expected.exists():
        for program in expected.read_text().split():
            if program not in reported:
                yield "fail", f"{label}: {program}", "it crashed, ran out of time, or reported no cases"
        return
    junit = folder / "ctest.junit"
    if not junit.exists():
        yield "fail", f"{label}: ctest", "it left no result"
        return
    for case in ET.parse(junit).getroot().iter("testcase"):
        program = case.get("name") + "_test"
        if case.get("status") == "run":
            if program not in reported:
                yield "fail", f"{label}: {program}", "it ended well but reported no cases"
        elif not any(state == "fail" for state, _, _ in reported.get(program, [])):
            yield "fail", f"{label}: {program}", "it crashed, ran out of time, or failed outside a case"


def lines(path):
    for line in path.read_text().splitlines():
        state, name, reason = (line.split("\t") + ["", ""])[:3]
        yield state, name, reason


def main():
    root = Path(sys.argv[1])
    results = []
    for entry in sorted(root.iterdir()):
        if entry.is_dir():
            results += programs(entry)
        elif entry.suffix == ".tsv":
            results += lines(entry)
    count = {state: [r for r in results if r[0] == state] for state in ("pass", "fail", "skip")}
    by_reason = {}
    for _, name, reason in count["skip"]:
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        print(f"SKIPPED {len(names)}: {reason}")
        for name in names:
            print(f"    {name}")
    for _, name, reason in count["fail"]:
        print(f"FAILED {name}: {reason}")
    if not results:
        print("nothing ran at all")
    print(f"{len(count['pass'])} passed, {len(count['fail'])} failed, {len(count['skip'])} skipped")
    return 1 if count["fail"] or not count["pass"] else 0


if __name__ == "__main__":
    sys.exit(main())

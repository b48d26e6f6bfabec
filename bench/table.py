"""The table a person reads: a line a measure and file, bitworth's median, each peer's and how many times bitworth's rate
it is, the share of the machine's own limit. In: rows as bench/peers.py makes them. Out: lines of text."""

LABEL, FILE, OURS, PEER, SHARE = 38, 30, 15, 17, 6


def short(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def head(names):
    line = f"{'median':{LABEL}} {'file':{FILE}} {'bitworth +-%':>{OURS}}"
    return line + "".join(f" {n:>{PEER}}" for n in names if n != "bitworth") + f" {'share':>{SHARE}}"


def legend():
    return ("+-: half of lowest to highest, in % of the median. x: how many times better bitworth is than the peer (rates: "
            "its over theirs; times and bytes: theirs over its). share: of the read bandwidth of this machine; of a "
            "prompt, of its dot-product rate.")


def cell(row, name):
    of = row["engines"].get(name, {})
    if "median" not in of:
        return "failed" if "failed" in of else "-"
    if name == "bitworth":
        half = 50 * (of["high"] - of["low"]) / of["median"] if of["median"] else 0
        return f"{short(of['median'])} {half:4.0f}%"
    ratio = row["ratio"].get(name)
    return short(of["median"]) + (f" x{ratio:.2f}" if ratio is not None else "")


def line(row, names):
    label = row["label"] + (f", {row['unit']}" if row["unit"] not in ("tokens/s", "x", "") else "")
    out = f"{label[:LABEL]:{LABEL}} {row['file'][-FILE:]:{FILE}} {cell(row, 'bitworth'):>{OURS}}"
    out += "".join(f" {cell(row, n):>{PEER}}" for n in names if n != "bitworth")
    share = row.get("share", {}).get("bitworth")
    return out + f" {f'{100 * share:.0f}%' if share is not None else '':>{SHARE}}"

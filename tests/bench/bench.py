"""
bench.py - measure, and print what came out as a table; tests/bench/run builds what this needs and calls it.

Every part answers rows. A row has what heapd does, what a peer does beside it in the same run, their ratio and, if
there is one, a bar: a number the ratio or the difference is held against. Absolute times are shown and never judged.
Where a number swings, it is the median of rounds taken in turn: heapd, peer, heapd, peer.
"""
import argparse
import json
import os
import platform
import signal
import sys
import textwrap
import time
from pathlib import Path

import memory
import pause
import rates
from peers import Place

PARTS = {"memory": memory.rows, "pause": pause.rows, "get": rates.get_rows, "create": rates.create_rows}
COLUMNS = ("", "heapd", "beside it", "ratio", "bar", "")


def verdict(row):
    return {None: "", True: "met", False: "MISSED"}[row.met]


def cells(row):
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return row.what, row.ours, row.theirs, ratio, row.bar, verdict(row)


def print_table(rows):
    lines = [COLUMNS] + [cells(r) for r in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    for row, line in zip([None] + rows, lines):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
        strong = row is None or row.bar
        print(f"{bold}{text}{plain}" if strong else text)
    print()
    for row in rows:
        if row.note:
            print(textwrap.fill(f"{row.what.strip()}: {row.note}.", 110, initial_indent="- ", subsequent_indent="  "))


def print_json(rows, machine, seconds):
    said = [{"what": r.what.strip(), "heapd": r.ours, "beside": r.theirs, "ratio": r.ratio, "bar": r.bar or None,
             "met": r.met, "note": r.note or None, "measured": r.measured} for r in rows]
    json.dump({"machine": machine, "seconds": round(seconds, 1), "rows": said}, sys.stdout, indent=1)
    print()


def machine():
    model = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return {"cpu": model[0] if model else platform.machine(), "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(), "load": os.getloadavg()[0]}


def arguments():
    p = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__.strip().splitlines()[0])
    p.add_argument("--quick", action="store_true", help="smaller graphs, shorter runs")
    p.add_argument("--json", action="store_true", help="JSON on stdout instead of a table")
    p.add_argument("--only", action="append", choices=PARTS, help="one part; may be given several times")
    p.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    return p.parse_args()


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    host, began, rows = machine(), time.monotonic(), []
    with Place(args.build, args.quick) as place:
        for name in args.only or PARTS:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            rows += PARTS[name](place)
    seconds = time.monotonic() - began
    if args.json:
        print_json(rows, host, seconds)
        return
    print(f"{host['cpu']}, {host['cores']} cores, load {host['load']:.1f} when it began, {seconds:.0f} s"
          + (", quick: too short to judge by" if args.quick else "") + "\n")
    print_table(rows)


if __name__ == "__main__":
    main()

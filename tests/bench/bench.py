"""
bench.py - measure, and print what came out as a table; tests/bench/run builds what this needs and calls it.

Every part answers rows. A row has what heapd does, what a peer does beside it in the same run, their ratio and, if
there is one, a bar: a number the ratio or the difference is held against. Absolute times are shown and never judged.
Where a number swings, it is the median of rounds taken in turn: heapd, peer, heapd, peer.
"""
import argparse
import signal
import sys
import time
from pathlib import Path

import memory
import pause
import rates
import table
from peers import Place

PARTS = {"memory": memory.rows, "pause": pause.rows, "get": rates.get_rows, "create": rates.create_rows}
COLUMNS = ("", "heapd", "beside it", "ratio", "bar", "")


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
    host, began, rows = table.machine(), time.monotonic(), []
    with Place(args.build, args.quick) as place:
        for name in args.only or PARTS:
            table.progress(name)
            rows += PARTS[name](place)
    table.progress("")
    seconds = time.monotonic() - began
    if args.json:
        table.print_json(rows, host, seconds)
        return
    print(table.headline(host, seconds, args.quick) + "\n")
    table.print_table(rows, COLUMNS)


if __name__ == "__main__":
    main()

"""
suite.py - what the commands here share: their options, their parts in turn, and how it is told what came out.

A command is a dict of parts, name -> function from a Place to rows, and

    def main():
        args = suite.options("edge", __doc__, PARTS, quick="shorter runs").parse_args()
        suite.tell(args, *suite.measure(args, lambda place: suite.rows(place, PARTS, args.only)))
"""
import argparse
import signal
import sys
import time
from pathlib import Path

import table
from peers import Place

COLUMNS = ("", "heapd", "beside it", "ratio", "bar", "")


def options(command, doc, parts, quick):
    p = argparse.ArgumentParser(prog=f"tests/bench/{command}", description=doc.strip().splitlines()[0])
    p.add_argument("--quick", action="store_true", help=quick)
    p.add_argument("--json", action="store_true", help="JSON on stdout instead of a table")
    p.add_argument("--markdown", action="store_true", help="a table as in README.md, and nothing else")
    p.add_argument("--only", action="append", choices=parts, help="one part; may be given several times")
    p.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    return p


def rows(place, parts, only=None):
    said = []
    for name in parts if only is None else only:
        table.progress(name)
        said += parts[name](place)
    return said


def measure(args, action):
    """What the action, called with a Place, answers; the machine, and how many seconds it took."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    host, began = table.machine(), time.monotonic()
    with Place(args.build, args.quick) as place:
        said = action(place)
    table.progress("")
    return said, host, time.monotonic() - began


def tell(args, said, host, seconds, columns=COLUMNS):
    tell_tables(args, [(said, columns)], host, seconds)


def tell_tables(args, tables, host, seconds):
    """Pairs of rows and their columns."""
    rows = sum((said for said, _ in tables), [])
    if args.json:
        table.print_json(rows, host, seconds)
        return
    if args.markdown:
        table.print_markdown(rows)
        return
    print(table.headline(host, seconds, args.quick) + "\n")
    for said, columns in tables:
        if said:
            table.print_table(said, columns)

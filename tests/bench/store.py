"""
store.py - heapd's disk beside Redis'; tests/bench/store builds what this needs and calls it.

Redis is Debian's, with `--appendonly yes --appendfsync always --save ""`: what it has answered is on disk, as it is with
heapd's --data. Both keep their data under one directory. Every rate is the median of pairs: heapd, Redis, heapd, Redis,
asked by as many connections. Servers run on one core, all their threads, and clients on the other.
"""
import argparse
import signal
import sys
import time
from pathlib import Path

import store_kept
import store_rates
import table
from peers import Failed, Place

PARTS = {"post": store_rates.post_rows, "slow": store_rates.slow_rows, "batch": store_rates.batch_rows,
         "recovery": store_kept.recovery_rows, "disk": store_kept.disk_rows, "folding": store_kept.folding_rows}
COLUMNS = ("", "heapd", "beside it", "ratio", "bar", "")
NO_DISKS = ("tmpfs", "ramfs")


def arguments():
    p = argparse.ArgumentParser(prog="tests/bench/store", description=__doc__.strip().splitlines()[0])
    p.add_argument("--quick", action="store_true", help="shorter runs, fewer objects")
    p.add_argument("--json", action="store_true", help="JSON on stdout instead of a table")
    p.add_argument("--only", action="append", choices=PARTS, help="one part; may be given several times")
    p.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    return p.parse_args()


def file_system(folder):
    """The type of the mount that has the longest path above the folder."""
    mounts = [line.split()[1:3] for line in open("/proc/self/mounts")]
    above = [(len(at), kind) for at, kind in mounts if Path(at) in (folder, *folder.parents)]
    return max(above)[1]


def measure(args):
    rows = []
    with Place(args.build, args.quick) as place:
        if (kind := file_system(place.folder.resolve())) in NO_DISKS:
            raise Failed(f"{place.folder} is {kind}, and no disk: set TMPDIR to a directory that is on one")
        for name in args.only or PARTS:
            table.progress(name)
            rows += PARTS[name](place)
    table.progress("")
    return rows


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    host, began = table.machine(), time.monotonic()
    rows = measure(args)
    seconds = time.monotonic() - began
    if args.json:
        table.print_json(rows, host, seconds)
        return
    print(table.headline(host, seconds, args.quick) + "\n")
    table.print_table(rows, COLUMNS)


if __name__ == "__main__":
    main()

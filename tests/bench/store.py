"""
store.py - heapd's disk beside Redis'; tests/bench/store builds what this needs and calls it.

Redis is Debian's, with `--appendonly yes --appendfsync always --save ""`: what it has answered is on disk, as it is with
heapd's --data. Both keep their data under one directory. Every rate is the median of pairs: heapd, Redis, heapd, Redis,
asked by as many connections. Servers run on one core, all their threads, and clients on the other.
"""
from pathlib import Path

import store_kept
import store_rates
import suite
from peers import Failed

PARTS = {"post": store_rates.post_rows, "slow": store_rates.slow_rows, "batch": store_rates.batch_rows,
         "recovery": store_kept.recovery_rows, "disk": store_kept.disk_rows, "folding": store_kept.folding_rows}
NO_DISKS = ("tmpfs", "ramfs")


def file_system(folder):
    """The type of the mount that has the longest path above the folder."""
    mounts = [line.split()[1:3] for line in open("/proc/self/mounts")]
    above = [(len(at), kind) for at, kind in mounts if Path(at) in (folder, *folder.parents)]
    return max(above)[1]


def check_disk(place):
    if (kind := file_system(place.folder.resolve())) in NO_DISKS:
        raise Failed(f"{place.folder} is {kind}, and no disk: set TMPDIR to a directory that is on one")


def main():
    args = suite.options("store", __doc__, PARTS, quick="shorter runs, fewer objects").parse_args()

    def measure(place):
        check_disk(place)
        return suite.rows(place, PARTS, args.only)

    suite.tell(args, *suite.measure(args, measure))


if __name__ == "__main__":
    main()

"""
edge.py - heapd's door beside those of others; tests/bench/edge builds what this needs and calls it.

Every row is the median of pairs: heapd, the peer, heapd, the peer, asked by the same client with as many connections
and the same bytes. Servers run on one core and clients on the other, each server as one process (edge_path.py says what
that means for those that need a second). Where a server was not busy all the time, or wrk was, the client was the limit:
then not the rates are compared but the CPU time that the servers took for a request.
"""
import argparse
import signal
import sys
import time
from pathlib import Path

import edge_batch
import edge_crowd
import edge_listeners
import edge_path
import table
from peers import Place

PARTS = {"get": edge_path.get_rows, "pipelined": edge_path.pipelined_rows, "post": edge_path.post_rows,
         "batch": edge_batch.rows, "stream": edge_path.stream_rows, "memory": edge_crowd.memory_rows,
         "crowd": edge_crowd.crowd_rows, "listeners": edge_listeners.rows}
COLUMNS = ("", "heapd", "beside it", "ratio", "bar", "")


def arguments():
    p = argparse.ArgumentParser(prog="tests/bench/edge", description=__doc__.strip().splitlines()[0])
    p.add_argument("--quick", action="store_true", help="shorter runs, smaller crowds")
    p.add_argument("--json", action="store_true", help="JSON on stdout instead of a table")
    p.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios as SVG")
    p.add_argument("--only", action="append", choices=PARTS, help="one part; may be given several times")
    p.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    return p.parse_args()


def measure(args):
    rows = []
    with Place(args.build, args.quick) as place:
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
    if args.plot:
        import edge_plot  # it takes a second to be there
        edge_plot.draw(rows, host, args.plot)
    if args.json:
        table.print_json(rows, host, seconds)
        return
    print(table.headline(host, seconds, args.quick) + "\n")
    table.print_table(rows, COLUMNS)


if __name__ == "__main__":
    main()

"""
edge.py - heapd's door beside those of others; tests/bench/edge builds what this needs and calls it.

Every row is the median of pairs: heapd, the peer, heapd, the peer, asked by the same client with as many connections
and the same bytes. Servers run on one core and clients on the other, each server as one process (edge_path.py says what
that means for those that need a second). Where a server was not busy all the time, or wrk was, the client was the limit:
then not the rates are compared but the CPU time that the servers took for a request.
"""
from pathlib import Path

import edge_batch
import edge_crowd
import edge_listeners
import edge_path
import suite

PARTS = {"get": edge_path.get_rows, "pipelined": edge_path.pipelined_rows, "post": edge_path.post_rows,
         "batch": edge_batch.rows, "stream": edge_path.stream_rows, "memory": edge_crowd.memory_rows,
         "crowd": edge_crowd.crowd_rows, "listeners": edge_listeners.rows}


def main():
    options = suite.options("edge", __doc__, PARTS, quick="shorter runs, smaller crowds")
    options.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios as SVG")
    args = options.parse_args()
    rows, host, seconds = suite.measure(args, lambda place: suite.rows(place, PARTS, args.only))
    if args.plot:
        import edge_plot  # it takes a second to be there
        edge_plot.draw(rows, host, args.plot)
    suite.tell(args, rows, host, seconds)


if __name__ == "__main__":
    main()

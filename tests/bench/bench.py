"""
bench.py - measure, and print what came out as a table; tests/bench/run builds what this needs and calls it.

Every part answers rows. A row has what heapd does, what a peer does beside it in the same run, their ratio and, if
there is one, a bar: a number the ratio or the difference is held against. Absolute times are shown and never judged.
Where a number swings, it is the median of rounds taken in turn: heapd, peer, heapd, peer.
"""
import memory
import pause
import rates
import suite

PARTS = {"memory": memory.rows, "pause": pause.rows, "get": rates.get_rows, "create": rates.create_rows}


def main():
    args = suite.options("run", __doc__, PARTS, quick="smaller graphs, shorter runs").parse_args()
    suite.tell(args, *suite.measure(args, lambda place: suite.rows(place, PARTS, args.only)))


if __name__ == "__main__":
    main()

"""
introspection.py - what it costs to see into the heap; tests/bench/introspection builds what this needs and calls it.

Each part is a file of its own, introspection_NAME.py, with a function from a Place to rows.
"""
import introspection_dominators
import suite

PARTS = {"dominators": introspection_dominators.rows}


def main():
    args = suite.options("introspection", __doc__, PARTS, quick="smaller graphs").parse_args()
    suite.tell(args, *suite.measure(args, lambda place: suite.rows(place, PARTS, args.only)))


if __name__ == "__main__":
    main()

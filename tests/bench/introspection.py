"""
introspection.py - what it costs to see into the heap; tests/bench/introspection builds what this needs and calls it.

Each part is a file of its own, introspection_NAME.py, with a function from a Place to rows.
"""
import introspection_dominators
import introspection_export
import introspection_snapshot
import introspection_walks
import suite

PARTS = {"walks": introspection_walks.rows, "dominators": introspection_dominators.rows, "export": introspection_export.rows,
         "snapshot": introspection_snapshot.rows}


def measured(place, only):
    place.urgent = True
    return suite.rows(place, PARTS, only)


def main():
    args = suite.options("introspection", __doc__, PARTS, quick="smaller graphs").parse_args()
    suite.tell(args, *suite.measure(args, lambda place: measured(place, args.only)))


if __name__ == "__main__":
    main()

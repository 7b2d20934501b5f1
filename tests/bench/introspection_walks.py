"""
introspection_walks.py - why an object lives and what it retains, in a graph of a million objects with four million links.

The graph is random, and all of it reached. The objects asked about are spread from the one made first, which is far from the
root, to the root itself, which retains all. Each answer's time is held against that of a full collection of the same heap just
before it; and GETs at a fixed rate by another client, while such questions come back to back, against the same at rest, in
short stretches taken in turn: what else the machine does falls into some of them, and the median is that of the others.
"""
import itertools
import time

from introspection_load import Graph, Steady
from peers import Heapd, Row, in_turn, median

OBJECTS, OBJECTS_QUICK = 1_000_000, 50_000
LINKS = 4
TARGETS = 5
TIMES_MAX = 10
RATE = 2000          # GETs a second of the others
P99_TIMES_MAX = 2
STRETCH_S = 0.5
KINDS = ("why", "retained")


def timed(action):
    began = time.monotonic()
    action()
    return (time.monotonic() - began) * 1e3


def collect(heapd):
    return timed(lambda: heapd.ask("POST", "/v1/gc/collect"))


def ask(heapd, kind, target):
    return timed(lambda: heapd.ask("GET", f"/v1/objects/{target}/{kind}"))


def time_rows(place, heapd, targets):
    rounds = [(target, collect(heapd), *(ask(heapd, kind, target) for kind in KINDS))
              for _ in range(place.size(7, 2)) for target in targets]
    return [time_row(place, kind, [(target, full, took[i]) for target, full, *took in rounds], targets)
            for i, kind in enumerate(KINDS)]


def time_row(place, kind, rounds, targets):
    """Of the target that takes longest."""
    each = {t: median(took / full for target, full, took in rounds if target == t) for t in targets}
    worst = max(targets, key=each.get)
    said = [(full, took) for target, full, took in rounds if target == worst]
    return Row(f"{kind}, {place.size(OBJECTS, OBJECTS_QUICK):,} objects, {LINKS} links each", f"{median(t for _, t in said):.1f} ms",
               f"full collection {median(f for f, _ in said):.1f} ms", each[worst], f"at most {TIMES_MAX} times",
               each[worst] <= TIMES_MAX,
               note=f"the slowest of {len(targets)} targets, {len(said)} pairs of each; from the object that is farthest to the root "
                    + ", ".join(f"{each[t]:.2f}" for t in targets), measured={"rounds": rounds})


def back_to_back(heapd, kind, targets, asked):
    end = time.monotonic() + STRETCH_S
    while time.monotonic() < end:
        ask(heapd, kind, next(targets))
        asked[kind] += 1


def p99_rows(place, heapd, targets):
    asked, ring = dict.fromkeys(KINDS, 0), itertools.cycle(targets)
    with Steady(place, heapd, RATE, f"/v1/objects/{targets[1]}") as steady:
        def during(action):
            return steady.during(action)[1]
        during(lambda: time.sleep(STRETCH_S))  # to warm up
        rest, *busy = in_turn(place.size(15, 3), lambda: during(lambda: time.sleep(STRETCH_S)),
                              *(lambda k=kind: during(lambda: back_to_back(heapd, k, ring, asked)) for kind in KINDS))
    return [p99_row(kind, rest, said, asked[kind]) for kind, said in zip(KINDS, busy)]


def p99_row(kind, rest, busy, asked):
    alone, among = (median(s["p99"] for s in side) for side in (rest, busy))
    return Row(f"  p99 of GETs while {kind} is asked back to back", f"{among:,.0f} us", f"at rest {alone:,.0f} us", among / alone,
               f"at most {P99_TIMES_MAX} times", among <= P99_TIMES_MAX * alone,
               note=f"{RATE:,} GETs a second, due whether or not others are answered; {len(rest)} stretches of {STRETCH_S} s of each, "
                    f"{asked / len(busy):.0f} answers to {kind} in one; p99 meanwhile {', '.join(str(s['p99']) for s in busy)}, at rest "
                    f"{', '.join(str(s['p99']) for s in rest)}; p50 {median(s['p50'] for s in busy):.0f} and "
                    f"{median(s['p50'] for s in rest):.0f} us", measured={"rest": rest, "busy": busy})


def rows(place):
    with Heapd(place) as heapd, Graph(place, heapd, place.size(OBJECTS, OBJECTS_QUICK), LINKS) as graph:
        graph.says("batch")  # until the last links lead anywhere, and there are cycles
        time.sleep(place.size(2, 0.3))
        graph.says("rest")
        targets = graph.says(f"ids {TARGETS}")
        times, p99s = time_rows(place, heapd, targets), p99_rows(place, heapd, targets)
    return [row for pair in zip(times, p99s) for row in pair]

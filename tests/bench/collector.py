"""
collector.py - the collector and the pools beside CPython's; tests/bench/collector builds what this needs and calls it.

Every row has what heapd does and what CPython does beside it in the same run, and how many times heapd is better. A
bar has two numbers, what must be reached and what is aimed at. What is measured, and how it is made the same on both
sides, stands in collector_work.c and cpython_work.py; here they are run in turn, and the median of rounds is
taken. Times are CPU time, except how long others wait.
"""
import json
import threading
from http.client import HTTPConnection
from pathlib import Path

import collector_profile
import suite
import table
from peers import Heapd, Row, in_turn, median
from rates import CONNECTIONS, wrk_p99_us

COLUMNS = ("", "heapd", "CPython", "times better", "bar", "")
CURVE_COLUMNS = ("", "heapd", "CPython", "times better", "longest slice", "")
OBJECTS, OBJECTS_QUICK, OBJECTS_MIN = 10_000_000, 500_000, 20_000
ORDERS = ("creation", "random")
ROUNDS = 3
CURVE = (100_000, 1_000_000, 10_000_000, 30_000_000, 50_000_000)
CURVE_CPYTHON_MAX = 10_000_000
SLICE_US = 500


# ---- both sides ----

def ours(place, work, count, *more):
    return place.program("collector_work", work, count, *more)


def numbers(place, count):
    path = place.folder / f"numbers-{count}"
    if not path.exists():
        place.client(place.built("collector_work"), "numbers", count, path)
    return path


def theirs(place, work, count, *more):
    twin = Path(__file__).with_name("cpython_work.py")
    return json.loads(place.client("/usr/bin/python3", twin, numbers(place, count), work, count, *more))


def both(place, rounds, work, count, *more):
    """Rounds in turn; of each side every number's median, and of the slices the last."""
    sides = in_turn(rounds, lambda: ours(place, work, count, *more), lambda: theirs(place, work, count, *more))
    middle = lambda side, name: median(said[name] for said in side)
    return [{name: value if isinstance(value, dict) else middle(side, name) for name, value in side[-1].items()}
            for side in sides]


def measured(sides):
    return dict(zip(("heapd", "cpython"), sides))


def at_most(value, must, aim, unit=""):
    return {"bar": f"at most {must:g}{unit} (aim {aim:g})", "met": value <= must, "aimed": value <= aim}


def at_least(value, must, aim):
    return {"bar": f"at least {must:g} times (aim {aim:g})", "met": value >= must, "aimed": value >= aim}


def row_ns(what, sides, name, must, aim, **more):
    mine, peer = (side[name] for side in sides)
    return Row(what, f"{mine:.1f} ns", f"{peer:.1f} ns", peer / mine, **at_most(mine, must, aim, " ns"), **more)


# ---- rows ----

def many(count):
    return f"{count // 1_000_000} M" if count % 1_000_000 == 0 else f"{count:,}"


def time_rows(what, name, each, must, aim):
    """The bars are those of the order; an order without one is only shown."""
    for order in ORDERS:
        (mine, peer), count = (side[name] for side in each[order]), each[order][0]["count"]
        judged = at_least(peer / mine, must[order], aim[order]) if order in must else {}
        yield Row(f"{what}, {order} order", f"{mine:,.0f} ms", f"{peer:,.0f} ms", peer / mine,
                  note=f"{mine * 1e6 / count:.1f} and {peer * 1e6 / count:.1f} ns an object", **judged)


def slice_rows(each):
    """The worst of both phases and orders; the control right after, where CPython has only one long pause."""
    mine = [side for side, _ in each.values()]
    worst = lambda clock, q, *phases: max(side[phase][clock][q] for side in mine for phase in phases)
    quantiles = lambda clock, *phases: [worst(clock, q, *phases) for q in ("p50", "p99", "p999", "max")]
    show = lambda us: " / ".join(f"{u:,.0f}" for u in us)
    work, control = ("full_slices", "dead_slices"), ("control",)
    (_, p99, p999, _), jitter = quantiles("wall", *work), worst("wall", "p99", *control) - SLICE_US
    return [
        Row(f"slices of {SLICE_US} us: p50 / p99 / p99.9 / max", show(quantiles("wall", *work)),
            f"control {show(quantiles('wall', *control))}", bar=f"p99 at most {600 + jitter:.0f} us (aim p99.9 550)",
            met=p99 <= 600 + jitter, aimed=p999 <= 550,
            note="by the wall, while both happen; the control's slices only look at the clock, and what its 99th percentile "
                 "is above 500 us is added to the bar of 600"),
        Row("  their own CPU time", show(quantiles("cpu", *work)), f"control {show(quantiles('cpu', *control))}",
            bar="none over 1000 us", met=worst("cpu", "max", *work) <= 1000,
            note=f"longest while nothing is dead {worst('cpu', 'max', work[0]):.0f} us, while all is "
                 f"{worst('cpu', 'max', work[1]):.0f} us"),
    ]


def graph_rows(place):
    count = place.objects
    each = {order: both(place, 1, "graph", count, order) for order in ORDERS}
    sides = mine, peer = each["creation"]
    size = max(mine["rss_bytes"], mine["account_bytes"])
    return [
        Row(f"bytes an object, of {many(count)}", f"{mine['rss_bytes']:.1f} B", f"{peer['rss_bytes']:.1f} B",
            peer["rss_bytes"] / mine["rss_bytes"],
            note=f"growth of the resident size, after a full collection; the account says {mine['account_bytes']:.1f}",
            measured={order: measured(sides) for order, sides in each.items()}, **at_most(size, 32, 20.5, " B")),
        row_ns("create a record", sides, "create_ns", 25, 9),
        row_ns("link to a random record", sides, "link_ns", 100, 40),
        row_ns("look up a random id", sides, "lookup_ns", 50, 22),
        Row("  and read a field of it by name", f"{mine['read_ns']:.1f} ns", f"{peer['read_ns']:.1f} ns",
            peer["read_ns"] / mine["read_ns"]),
        *time_rows("full collection, nothing dead", "full_ms", each, dict(creation=6, random=30),
                   dict(creation=14, random=75)),
        *time_rows("the whole graph dead", "dead_ms", each, dict(random=50), dict(random=350)),
        *slice_rows(each),
    ]


def chain_rows(place):
    for order, aim in zip(ORDERS, (5, 170)):
        sides = both(place, 1, "chain", place.objects, order)
        yield row_ns(f"a chain of {many(place.objects)} dropped, {order} order", sides, "chain_ns",
                     round(sides[1]["chain_ns"], 1), aim, note="the bar is CPython's time", measured=measured(sides))


def young_rows(place):
    count = place.objects // 10
    sides = both(place, place.rounds, "young", count)
    note = f"an object, beside {many(count)} old ones; median of {place.rounds} rounds"
    return [row_ns("young sets of 2,000: live", sides, "live_ns", 25, 13, note=note, measured=measured(sides)),
            row_ns("  dead", sides, "dead_ns", 20, 8.5)]


def pairs_rows(place):
    count = place.objects // 10
    sides = mine, peer = both(place, place.rounds, "pairs", count)
    times = peer["pair_ns"] / mine["pair_ns"]
    rate = lambda side: f"{1e3 / side['pair_ns']:.2f} M/s"
    return [Row(f"cyclic pairs made and dropped over {many(count)} live", rate(mine), rate(peer), times,
                note=f"{mine['pair_ns']:.0f} ns a pair, of it the collector's {mine['collector_ns']:.0f}; CPython "
                     f"{peer['pair_ns']:.0f}; median of {place.rounds} rounds", measured=measured(sides),
                **at_least(times, 2, 4.5))]


def sparse_rows(place):
    count = place.objects * 2 // 5
    for keep, must, aim in ((10_000, 5, 0.5), (10, 45, 12)):
        sides = both(place, 1, "sparse", count, keep)
        left = [100 * side["left_bytes"] / side["grown_bytes"] for side in sides]
        yield Row(f"all of {many(count)} dropped but one in {keep:,}: memory left", f"{left[0]:.1f} %", f"{left[1]:.1f} %",
                  note=" and ".join(f"{s['left_bytes'] / 2**20:.1f} of {s['grown_bytes'] / 2**20:.1f} MiB" for s in sides)
                       + "; resident, above what it was before, tidied", measured=measured(sides),
                  **at_most(left[0], must, aim, " %"))


# ---- through HTTP ----

class Collections:
    """Full collections, one after the other, from `with` to its end."""

    def __init__(self, heapd):
        self.heapd, self.stop, self.runs = heapd, threading.Event(), []
        self.thread = threading.Thread(target=self.repeat)

    def repeat(self):
        http = HTTPConnection("127.0.0.1", self.heapd.port, timeout=600)
        while not self.stop.is_set():
            http.request("POST", "/v1/gc/collect")
            self.runs.append(json.loads(http.getresponse().read()))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join()


def http_rows(place):
    seconds, runs = place.size(5, 1), []
    with Heapd(place) as heapd:
        place.program("batch_stream", heapd.port, "graph", place.objects)
        heapd.settle()
        url = f"{heapd.url}/v1/objects/{heapd.ask('GET', '/v1/roots/bench')['$ref']}"

        def resting():
            return wrk_p99_us(place, url, seconds)

        def collecting():
            with Collections(heapd) as collections:
                p99 = resting()
            runs.extend(collections.runs)
            return p99

        def spinning():
            said = place.run(place.server_core, place.built("collector_work"), "spin", seconds * 1000)
            return json.loads(said)["wall"]["p99"] - SLICE_US

        rest, busy, jitter = (median(said) for said in in_turn(place.rounds, resting, collecting, spinning))
    bar, aim = 1.5 * rest + jitter, 1.1 * rest
    return [Row(f"p99 through HTTP during full collections of {many(place.objects)}", f"{busy:,.0f} us",
                f"at rest {rest:,.0f} us", rest / busy, bar=f"at most {bar:,.0f} us (aim {aim:,.0f})",
                met=busy <= bar, aimed=busy <= aim,
                note=f"{CONNECTIONS} connections of wrk get one object, median of {place.rounds} rounds of {seconds} s, "
                     f"meanwhile {len(runs)} collections of {median(r['duration_us'] for r in runs) / 1000:.0f} ms, the "
                     f"longest slice {max(r['max_slice_us'] for r in runs)} us. The bar is 1.5 times, and the control's "
                     f"jitter: p99 of a thread that only spins on the server's core, {jitter:.0f} us")]


# ---- against the size of the heap ----

def curve_rows(place):
    for count in CURVE if place.objects >= OBJECTS else (place.objects // 10, place.objects):
        table.progress(f"{many(count)} records")
        sides = [ours(place, "graph", count, "creation")]
        if count <= CURVE_CPYTHON_MAX:
            sides.append(theirs(place, "graph", count, "creation"))
        for what, name in ((f"full collection of {many(count)}", "full"), ("  reclaiming all of it", "dead")):
            each = [side[f"{name}_ms"] * 1e6 / count for side in sides]
            wall, cpu = (sides[0][f"{name}_slices"][clock]["max"] for clock in ("wall", "cpu"))
            yield Row(what, *(f"{ns:.1f} ns an object" for ns in each), ratio=each[-1] / each[0] if len(each) > 1 else None,
                      bar=f"{wall:,.0f} us, CPU {cpu:,.0f} us, control {sides[0]['control']['wall']['max']:,.0f} us",
                      measured=measured(sides))


# ---- all of it ----

PARTS = {"graph": graph_rows, "chain": chain_rows, "young": young_rows, "pairs": pairs_rows, "sparse": sparse_rows,
         "http": http_rows}


def arguments():
    p = suite.options("collector", __doc__, PARTS, quick="smaller graphs, shorter runs")
    p.add_argument("--objects", type=int, metavar="N", help="records of the large graphs")
    p.add_argument("--curve", action="store_true", help="full collections against the size of the heap instead")
    p.add_argument("--profile", action="store_true", help="what the time goes into instead: instructions, misses, functions")
    args = p.parse_args()
    if args.objects is not None and args.objects < OBJECTS_MIN:
        p.error(f"fewer than {OBJECTS_MIN:,} objects say nothing")
    return args


def tables(place, args):
    place.objects, place.rounds = args.objects or place.size(OBJECTS, OBJECTS_QUICK), place.size(ROUNDS, 1)
    parts = args.only or ([] if args.curve or args.profile else PARTS)
    return [(suite.rows(place, PARTS, parts), COLUMNS),
            (list(curve_rows(place)) if args.curve else [], CURVE_COLUMNS),
            (collector_profile.rows(place) if args.profile else [], collector_profile.COLUMNS)]


def main():
    args = arguments()
    suite.tell_tables(args, *suite.measure(args, lambda place: tables(place, args)))


if __name__ == "__main__":
    main()

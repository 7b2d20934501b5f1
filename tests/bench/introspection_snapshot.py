"""
introspection_snapshot.py - what those notice who use the heap while a snapshot of ten million objects is taken.

Clients go on changing links of any objects: so an object is copied by the snapshot, or by what changes it first. PATCH of one
link by 16 connections, and batches of a thousand sets. At rest, in turn, they do the same without it. Their rates are taken from
the time that passed; beside it stands what they got done in a second of the loop's CPU time, of which the machine's other work
has no part. A third client asks GETs at a fixed rate.

How long slices were is heapd's own record, by CPU time. In that is also what the kernel does for others in the middle of one
(packets, pages that the host has to find): so beside the longest, which is judged, stands how many of each snapshot were too long.

The collector does not start by itself meanwhile, for its collections would fall into some stretches and not into others.
"""
import re
import time

from introspection_load import Graph, Steady
from peers import Failed, Heapd, Row, median

OBJECTS, OBJECTS_QUICK = 10_000_000, 200_000
LINKS = 2
RATE = 500
REST_S = 2
SHARE_MIN = 0.7
SLICE_US_MAX = 512   # a bound of heapd's histograms; the pause budget is 500
WORKS = {"patch": "PATCH by 16 connections", "batch": "batches of 1,000 sets"}


def stretch(heapd, graph, steady, work, action):
    """What was done while the action went on, by a clock and by the loop's CPU time; and how long the others waited."""
    graph.says(work)
    cpu = heapd.loop_seconds()
    _, waits = steady.during(action)
    done = graph.says(work)
    return {"rate": done["ops"] / done["seconds"], "cpu_rate": done["ops"] / (heapd.loop_seconds() - cpu), "seconds": done["seconds"],
            "waits": waits, "longest_us": done["max"]}


def slices(heapd):
    """How many there have been of snapshots and of what gives their memory back, and how many of them took too long."""
    heapd.http.request("GET", "/metrics")
    text = heapd.http.getresponse().read().decode()

    def count(what):
        return sum(int(n) for n in re.findall(rf'^heapd_gc_pause_cpu_seconds_{what} (\d+)$', text, re.M))
    phases = 'phase="(?:snapshot|house)"'
    every = count(rf"count{{{phases}}}")
    return every, every - count(rf'bucket{{{phases},le="{SLICE_US_MAX / 1e6:g}"}}')


def pairs(place, heapd, graph, steady, work):
    rest, taking = [], []
    for _ in range(place.size(3, 2)):
        rest.append(stretch(heapd, graph, steady, work, lambda: time.sleep(place.size(REST_S, 0.3))))
        every, long = slices(heapd)
        taking.append(stretch(heapd, graph, steady, work, lambda: heapd.ask("POST", "/v1/snapshots")))
        graph.says("rest")
        for item in heapd.ask("GET", "/v1/snapshots")["items"]:
            heapd.ask("DELETE", f"/v1/snapshots/{item['n']}")
        wait_for_rest(heapd)
        taking[-1]["slices"], taking[-1]["long"] = (after - before for after, before in zip(slices(heapd), (every, long)))
    return rest, taking


def wait_for_rest(heapd):
    """All that was kept of it has gone back."""
    end = time.monotonic() + 60
    while heapd.ask("GET", "/v1/heap")["bytes"]["snapshots"] > 0:
        if time.monotonic() > end:
            raise Failed("a deleted snapshot does not go away")
        time.sleep(0.05)


def writers_row(work, rest, taking):
    by_clock, by_cpu = (median(t[key] / r[key] for r, t in zip(rest, taking)) for key in ("rate", "cpu_rate"))
    return Row(f"{WORKS[work]} while a snapshot is taken", f"{median(t['rate'] for t in taking) / 1e3:,.0f} k/s",
               f"at rest {median(r['rate'] for r in rest) / 1e3:,.0f} k/s", by_clock, f"at least {SHARE_MIN}", by_clock >= SHARE_MIN,
               note=f"{len(rest)} pairs, ratios " + ", ".join(f"{t['rate'] / r['rate']:.2f}" for r, t in zip(rest, taking))
                    + f"; by the loop's CPU time {by_cpu:.2f}; it took {median(t['seconds'] for t in taking):.1f} s",
               measured={"rest": rest, "taking": taking})


def waits_row(work, rest, taking):
    p99, longest = ([median(s["waits"][key] for s in side) for side in (taking, rest)] for key in ("p99", "max"))
    return Row("  GETs meanwhile, p99 / longest", f"{p99[0]:,.0f} / {longest[0]:,.0f} us", f"at rest {p99[1]:,.0f} / {longest[1]:,.0f} us",
               p99[0] / p99[1], note=f"{RATE} a second; p50 {median(s['waits']['p50'] for s in taking):,.0f} and "
                                     f"{median(s['waits']['p50'] for s in rest):,.0f} us")


def stall_row(place, heapd, takings):
    """Of all snapshots above, and their going away."""
    gc, long = heapd.ask("GET", "/v1/gc"), [t["long"] for t in takings]
    phases = gc["pauses_by_phase"]
    taking, house = phases["snapshot"], phases["house"]
    longest = max(taking["cpu_max"], house["cpu_max"])
    return Row(f"longest slice of {len(takings)} snapshots of {place.size(OBJECTS, OBJECTS_QUICK):,} taken among writers", f"{longest} us",
               f"pause budget {gc['pause_budget_us']} us", longest / gc["pause_budget_us"], f"at most {SLICE_US_MAX} us",
               longest <= SLICE_US_MAX,
               note=f"CPU time of the loop, by heapd's own record, until their memory is back; {taking['cpu_max']} us of taking, "
                    f"{house['cpu_max']} of giving back (by the clock {taking['max']} and {house['max']}); p50 {taking['cpu_p50']}, p99 "
                    f"{taking['cpu_p99']}, p99.9 {taking['cpu_p999']}; over {SLICE_US_MAX} us {', '.join(map(str, long))} of "
                    f"{median(t['slices'] for t in takings):,.0f} each", measured={"phases": phases, "long": long})


def rows(place):
    with Heapd(place) as heapd, Graph(place, heapd, place.size(OBJECTS, OBJECTS_QUICK), LINKS) as graph:
        heapd.ask("POST", "/v1/gc/collect")
        heapd.ask("PATCH", "/v1/gc", {"enabled": False})
        with Steady(place, heapd, RATE, f"/v1/objects/{graph.says('ids 2')[0]}") as steady:
            said = {work: pairs(place, heapd, graph, steady, work) for work in WORKS}
        stall = stall_row(place, heapd, [t for _, taking in said.values() for t in taking])
    return [stall, *(row for work, both in said.items() for row in (writers_row(work, *both), waits_row(work, *both)))]

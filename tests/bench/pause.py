"""
pause.py - how long others wait while a chain of ten million is reaped.

The head of the chain is dropped, and one link after the other dies. Meanwhile one client asks GET /livez back to back.
What it waits at longest is held against what a thread that only spins sees on this machine in that time
(reap_probe.c says how). A turn of heapd's loop that is long because of the work is long in every round, a turn that
the machine makes long is not: so the median of rounds is judged. While others use the machine both numbers are theirs
more than heapd's; the row below them tells heapd's part.
"""
from peers import Heapd, Row, median

BAR_MS = 2


def one_round(place, count):
    with Heapd(place) as heapd:
        place.program("batch_stream", heapd.port, "chain", count)
        heapd.settle()
        before = heapd.ask("GET", "/v1/gc")["pauses_us"]
        probe = place.program("reap_probe", heapd.port, heapd.worker, "bench")
        after = heapd.ask("GET", "/v1/gc")["pauses_us"]
    return probe | {"excess": probe["max"] - probe["noise"], "pauses_before": before, "pauses_after": after}


def rows(place):
    count, rounds = place.size(10_000_000, 500_000), place.size(3, 1)
    said = [one_round(place, count) for _ in range(rounds)]
    ms = lambda name: median(r[name] for r in said) / 1000
    each = lambda name: ", ".join(f"{r[name] / 1000:.2f}" for r in said)
    pauses = said[-1]["pauses_after"]
    slices = pauses["count"] - said[-1]["pauses_before"]["count"]
    excess = ms("excess")
    return [
        Row(f"a chain of {count:,} dropped: longest wait", f"{ms('max'):.2f} ms", f"a thread that spins {ms('noise'):.2f} ms",
            bar=f"at most {BAR_MS} ms more", met=excess <= BAR_MS,
            note=f"{excess:+.2f} ms, median of {rounds}; waits {each('max')}, spinning {each('noise')}", measured={"rounds": said}),
        Row("  of it demonstrably heapd's", f"{ms('own'):.2f} ms" if ms("own") > 0 else "not known",
            note=f"CPU time heapd used in one wait while the client looked on (perf events say it); rounds {each('own')}"),
        Row("  waits, p50 / p99 / p99.9", " / ".join(f"{ms(p):.2f}" for p in ("p50", "p99", "p999")) + " ms",
            note=f"of {said[-1]['answers']:,} answers in the {said[-1]['seconds']:.2f} s of the last round, "
                 f"{said[-1]['seconds'] / count * 1e9:.0f} ns an object"),
        Row("  the collector's own pauses, p50 / p99 / max", f"{pauses['p50'] / 1000:.2f} / {pauses['p99'] / 1000:.2f} / "
            f"{pauses['max'] / 1000:.2f} ms",
            note=f"pauses_us of GET /v1/gc, by the clock on the wall, all since the start of the last round; {slices:,} slices "
                 f"while it was reaped; longest before the drop {said[-1]['pauses_before']['max'] / 1000:.2f} ms"),
    ]

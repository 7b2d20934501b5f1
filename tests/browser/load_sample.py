#!/usr/bin/python3
"""
load_sample.py - the document of a run of `heapctl load` that nobody ran, for trying the page that shows one: the same for the same
seed. By hand: load_sample.py [--well] [--seconds N] >run.json
"""
import argparse
import json
import math
import random

MIB = 1 << 20
ROW = ("t_s", "rss", "live", "committed", "objects", "ops", "p50_us", "p99_us", "max_us", "collections", "pause_p99_us")


def histogram(rng, count, middle_us, tail):
    """Steps of eight a doubling, filled by a lognormal of which one in a hundred is up to `tail` times slower; and its quantiles."""
    values = sorted(middle_us * rng.lognormvariate(0, 0.35) * (tail * rng.random() + 1 if rng.random() < 0.01 else 1)
                    for _ in range(min(count, 20000)))
    steps = {}
    for v in values:
        upper = math.ceil(2 ** (math.ceil(math.log2(v) * 8) / 8))
        steps[upper] = steps.get(upper, 0) + 1
    at = lambda q: round(values[min(len(values) - 1, int(q * len(values)))], 1)
    return {"count": len(values), "min": round(values[0], 1), "mean": round(sum(values) / len(values), 1), "p50": at(0.5), "p90": at(0.9),
            "p99": at(0.99), "p999": at(0.999), "max": round(values[-1], 1), "histogram": sorted(map(list, steps.items()))}


def second(rng, s, rate, base, committed):
    """One row of the series: live bytes breathe between collections, above `base`."""
    live = base + 0.9 * MIB * ((s % 7) / 7) * (0.8 + 0.4 * rng.random())
    committed = max(committed * 0.995, live * 1.18 + 0.4 * MIB)
    p50 = 180 * rng.lognormvariate(0, 0.06)
    return (s + 1.0, int(committed + 5.1 * MIB + 60000 * rng.random()), int(live), int(committed), int(live / 46), int(rate * rng.gauss(1, 0.02)),
            round(p50, 1), round(p50 * (3 + rng.random()), 1), round(p50 * (8 + 20 * rng.random() ** 3), 1), s + 1 + s // 7,
            round(420 + 60 * rng.random(), 1))


def series(rng, seconds, rate, gain):
    """What is sampled each second, and the floor, which rises by `gain` bytes a second."""
    rows, floor = [], {"t_s": [], "live": [], "objects": []}
    for s in range(seconds):
        base = 2.2 * MIB * (1 - math.exp(-s / 4)) + gain * s
        rows.append(second(rng, s, rate, base, rows[-1][3] if rows else 0))
        if s % 7 == 0 and s > 0:
            floor["t_s"].append(s + 1.0)
            floor["live"].append(int(base + 30000 * rng.random()))
            floor["objects"].append(int(base / 46))
    return dict(zip(ROW, map(list, zip(*rows)))), floor


def collection(t, generation, reason, collected, duration_us, max_slice_us):
    return {"t_s": t, "generation": generation, "reason": reason, "collected": collected, "duration_us": duration_us, "max_slice_us": max_slice_us}


def collections(rng, seconds):
    found = []
    for s in range(seconds):
        lasted = rng.randrange(300, 1500)
        found.append(collection(s + 0.9 * rng.random(), 1 if s % 5 == 4 else 0, "count", rng.randrange(300), lasted, min(lasted, rng.randrange(250, 520))))
        if s % 7 == 0 and s > 0:
            found.append(collection(s + 0.95, 2, "bytes", rng.randrange(2000, 9000), rng.randrange(4000, 9000), rng.randrange(480, 560)))
    return found


def verdict(leaks, gain, site, kind):
    if not leaks:
        return {"leak": False, "sentence": "The floor does not rise: as much is live at the end as after 8 s.", "slope_bytes_per_s": 210.0,
                "slope_low": -850.0, "slope_high": 1240.0, "confidence": 0.95, "site": None, "class": None, "suspects": [],
                "evidence": ["8 floors, of which 4 rose", "RSS stays within 2 % of its median"]}
    return {"leak": True, "sentence": f"The heap leaks {gain / 1024:.1f} KiB a second: {kind}, made at \"{site}\", is not let go of.",
            "slope_bytes_per_s": gain * 1.01, "slope_low": gain * 0.9, "slope_high": gain * 1.12, "confidence": 0.95, "site": site, "class": kind,
            "evidence": ["the floor rose 7 times of 7", f"of {kind} there were 1,204 after 8 s, and 9,880 at the end", "RSS rose with it"],
            "suspects": [{"sentence": f"What is made at \"{site}\" is not let go of: 1204 objects of 23.4 KiB 50 s ago, 9880 objects of 192.0 KiB now.",
                          "by": "site", "site": site, "more": ["curl \"${HEAPD_URL:-http://127.0.0.1:4327}/v1/objects?class=Leak\""]}]}


def run(leaks=True, seconds=60, seed=1, site="load/slow-leak.c:31", kind="Listener", scenario=None):
    rng, rate, gain = random.Random(seed), 1000.0, 61000.0 if leaks else 0.0
    sampled, floor = series(rng, seconds, rate, gain)
    done = sum(sampled["ops"])
    return {"heapd_load": 1, "scenario": scenario or ("slow-leak" if leaks else "churn"), "seed": seed, "rate": rate, "clients": 4,
            "duration_s": float(seconds), "started": "2026-11-29T22:10:00.000Z", "url": "http://127.0.0.1:4327", "instance": "5f0c3a", "version": "0.1.0",
            "ops": {"planned": int(rate * seconds), "sent": done, "done": done, "failed": 0, "shed": 0,
                    "by_kind": {"create": done // 2, "drop": done // 3, "link": done // 8, "get": done // 24}},
            "latency_us": histogram(rng, done, 190, 30), "service_us": histogram(rng, done, 150, 6), "series": sampled, "floor": floor,
            "collections": collections(rng, seconds), "verdict": verdict(leaks, gain, site, kind)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--well", action="store_true", help="a run without a leak")
    parser.add_argument("--seconds", type=int, default=60)
    given = parser.parse_args()
    print(json.dumps(run(leaks=not given.well, seconds=given.seconds)))

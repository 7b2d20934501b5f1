"""
edge_crowd.py - many connections that do little: what an idle one costs, and what slow ones cost the healthy.

The crowd is a program of its own, crowd.c, which says what each of its connections does and how fast. It runs on the
core of wrk, so it has to be quiet: how much of that core it took is told beside what was measured.
"""
import json
import os
import time
from functools import partial
from pathlib import Path

from peers import Failed, Heapd, Row, in_turn, median
from rates import CONNECTIONS, wrk_p99_us

IDLE_BYTES_MAX = 2048
TIMES_MAX = 2
ITEMS = 1000         # of the list that slow readers ask for
TEXT = "x" * 300
STEPS_A_SECOND = 2   # of each slow connection: PERIOD_MS of crowd.c
PRESENT = 0.95       # who is cut comes again in its next step
BEFORE_CUTS_S = 0.5  # a writer sends its first byte half a second after it came
EMPTY_WAIT_S = 10


# ---- the crowd ----

class Crowd:
    def __init__(self, place, heapd, idle, slow, path="-"):
        self.heapd, self.idle, self.slow = heapd, idle, slow
        self.process = place.start(place.client_core, place.built("crowd"), heapd.port, idle, slow, path, stdin=True)

    def __enter__(self):
        self.says()
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        end = time.monotonic() + EMPTY_WAIT_S
        while self.heapd.connections() > 1 and time.monotonic() < end:
            time.sleep(0.1)

    def says(self):
        """What it has done until now; the first time, when all are there."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"the crowd ended with {self.process.wait()}")
        return json.loads(line)

    def check_presence(self):
        """By heapd's own count."""
        here, least = self.heapd.connections(), self.idle + self.slow * PRESENT
        if here < least:
            raise Failed(f"the crowd is not there: heapd has {here:,} connections of {self.idle + self.slow:,}")

    def grow_old(self, age_s):
        time.sleep(max(0, age_s - self.says()["seconds"]))

    def during(self, action):
        """What the action says, and what the crowd did meanwhile: it was there, and did all that it is for."""
        self.check_presence()
        before, said, after = self.says(), action(), self.says()
        self.check_presence()
        did = difference(after, before)
        due = STEPS_A_SECOND * self.slow * did["seconds"]
        if did["steps"] < PRESENT * due or did["idle"]["cut"] or not did["readers"]["got_bytes"] or not did["writers"]["answered"]:
            raise Failed(f"the crowd did not do its part: {did}; due were {due:,.0f} steps")
        return said, did


def difference(after, before):
    return {k: difference(v, before[k]) if isinstance(v, dict) else v - before[k] for k, v in after.items()}


# ---- rows ----

def resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def memory_rows(place):
    count = place.size(10_000, 1_000)
    with Heapd(place) as heapd:
        with Crowd(place, heapd, count // 10, 0):
            pass  # what the first connections bring with them once
        before = resident(heapd.worker)
        with Crowd(place, heapd, count, 0) as crowd:
            time.sleep(1.5)
            crowd.check_presence()
            each = (resident(heapd.worker) - before) / count
    return [Row("memory of an idle connection", f"{each:,.0f} B", "", None, f"at most {IDLE_BYTES_MAX} B",
                each <= IDLE_BYTES_MAX, note=f"growth of the resident size by {count:,} connections that have asked once")]


def large_list(heapd):
    items = [f"{n:04}{TEXT}" for n in range(ITEMS)]
    return f"/v1/objects/{heapd.ask('POST', '/v1/objects', {'items': items})['id']}"


def what_it_did(runs):
    """The crowd's part in all runs together."""
    seconds = sum(did["seconds"] for did in runs)

    def rate(kind, what):
        return sum(did[kind][what] for did in runs) / seconds
    return (f"by heapd's own count the crowd was there; each second it sent {rate('writers', 'sent_bytes'):,.0f} bytes of heads "
            f"and read {rate('readers', 'got_bytes') / 1024:,.0f} KiB of answers, {rate('writers', 'answered'):,.0f} writers "
            f"were told that they are too slow and {rate('readers', 'cut'):,.0f} readers cut; who is cut comes again; it took "
            f"{sum(did['cpu_seconds'] for did in runs) / seconds:.1%} of the core that it shares with wrk")


def crowd_rows(place):
    from edge_path import object_in
    idle_count, slow_count = place.size(10_000, 1_000), place.size(1_000, 100)
    with Heapd(place) as heapd:
        (path, _), large = object_in(heapd), large_list(heapd)
        ask = partial(wrk_p99_us, place, heapd.url + path, place.size(3, 1))
        cuts_at_s = heapd.ask("GET", "/v1/config")["header_timeout_ms"] / 1000

        def among():
            with Crowd(place, heapd, idle_count, slow_count, large) as crowd:
                crowd.grow_old(cuts_at_s + BEFORE_CUTS_S)  # now all writers will be cut, and come again
                return *crowd.during(ask), resident(heapd.worker)
        rest, said = in_turn(place.size(5, 2), ask, among)
    alone, busy = median(rest), median(p99 for p99, _, _ in said)
    runs = ", ".join(f"{c:,.0f} / {r:,.0f}" for (c, _, _), r in zip(said, rest))
    return [Row(f"p99 of GETs among {idle_count:,} idle and {slow_count:,} slow connections", f"{busy:,.0f} us",
                f"at rest {alone:,.0f} us", busy / alone, f"at most {TIMES_MAX} times", busy <= TIMES_MAX * alone,
                note=f"{CONNECTIONS} healthy connections, {len(rest)} times, crowded / at rest {runs}; "
                     f"{what_it_did([did for _, did, _ in said])}; resident {max(rss for _, _, rss in said) / 2**20:.0f} MiB at most",
                measured={"crowded": said, "rest": rest})]

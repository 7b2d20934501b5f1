"""
edge_crowd.py - many connections that do little: what an idle one costs, and what slow ones cost the healthy.

The crowd is a program of its own, crowd.c, which says what each of its connections does and how fast. It runs on the
core of who asks, so it has to be quiet: how much of that core it took is told beside what was measured. Who asks is eager.c:
wrk is at work all the time, so that what the crowd takes is missing there, and its answers wait for wrk and not for
the server. What that core and this machine have to do with it, nginx shows, which is asked among the same crowd.
"""
import json
import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from peers import Failed, Heapd, Nginx, Row, in_turn, median
from rates import CONNECTIONS

IDLE_BYTES_MAX = 2048
TIMES_MAX = 2
ITEMS = 1000         # of the list that slow readers ask for
TEXT = "x" * 300
STEPS_A_SECOND = 2   # of each slow connection: PERIOD_MS of crowd.c
PRESENT = 0.95       # who is cut comes again in its next step
ASKED_S = 3          # from before the first slow writer is cut until after all have come again
BEFORE_CUTS_S = 0.5
EMPTY_WAIT_S = 10


# ---- the crowd ----

class Crowd:
    def __init__(self, place, server, idle, slow, path="-"):
        self.server, self.idle, self.slow = server, idle, slow
        self.process = place.start(place.client_core, place.built("crowd"), server.port, idle, slow, path, stdin=True)

    def __enter__(self):
        self.says()
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        end = time.monotonic() + EMPTY_WAIT_S
        while self.server.connections() > 1 and time.monotonic() < end:
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
        """By the server's own count."""
        here, least = self.server.connections(), self.idle + self.slow * PRESENT
        if here < least:
            raise Failed(f"the crowd is not there: the server has {here:,} connections of {self.idle + self.slow:,}")

    def grow_old(self, age_s):
        time.sleep(max(0, age_s - self.says()["seconds"]))

    def during(self, action):
        """What the action says, and what the crowd did meanwhile: it was there, and did all that it is for."""
        self.check_presence()
        before, said, after = self.says(), action(), self.says()
        self.check_presence()
        did = difference(after, before)
        due = STEPS_A_SECOND * self.slow * did["seconds"]
        if did["steps"] < PRESENT * due or did["idle"]["cut"] or not did["readers"]["got_bytes"] or not did["writers"]["cut"]:
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


@dataclass
class Asked:
    """How one server answered in the rounds: alone, and among the crowd."""
    rest: list
    among: list
    did: list       # the crowd meanwhile
    resident: list

    @property
    def p99s(self):
        return [[said["p99"] for said in side] for side in (self.among, self.rest)]

    @property
    def times(self):
        among, rest = self.p99s
        return median(among) / median(rest)

    def runs(self):
        return ", ".join(f"{c:,.0f} / {r:,.0f}" for c, r in zip(*self.p99s))

    def eager_part(self):
        return median(said["cpu_part"] for said in self.among)


def asked_among(place, server, path, large, cut_after_s):
    """Alone, and then among the crowd, while all its writers are cut, and come again."""
    ask = partial(place.program, "eager", server.port, path, CONNECTIONS, ASKED_S)

    def among():
        with Crowd(place, server, place.size(10_000, 1_000), place.size(1_000, 100), large) as crowd:
            crowd.grow_old(cut_after_s - BEFORE_CUTS_S)
            return *crowd.during(ask), resident(server.worker)
    return ask(), among()


def what_it_did(runs):
    """The crowd's part in all runs together."""
    seconds = sum(did["seconds"] for did in runs)

    def rate(kind, what):
        return sum(did[kind][what] for did in runs) / seconds
    return (f"by heapd's own count the crowd was there; each second it sent {rate('writers', 'sent_bytes'):,.0f} bytes of heads "
            f"and read {rate('readers', 'got_bytes') / 1024:,.0f} KiB of answers, {rate('writers', 'answered'):,.0f} writers "
            f"were told that they are too slow and {rate('readers', 'cut'):,.0f} readers cut; who is cut comes again; it took "
            f"{sum(did['cpu_seconds'] for did in runs) / seconds:.1%} of the core that it shares with who asks")


def crowd_rows(place):
    from edge_path import object_in
    with Heapd(place) as heapd:
        (path, body_bytes), large = object_in(heapd), large_list(heapd)
        cut_after_s = heapd.ask("GET", "/v1/config")["header_timeout_ms"] // 1000
        with Nginx(place, body_bytes, ITEMS * len(f'"0000{TEXT}",'), cut_after_s) as nginx:
            said = in_turn(place.size(5, 2), partial(asked_among, place, heapd, path, large, cut_after_s),
                           partial(asked_among, place, nginx, "/", "/large", cut_after_s))
    ours, theirs = (Asked([rest for rest, _ in side], *zip(*(among for _, among in side))) for side in said)
    us, them = ([median(p99s) for p99s in side.p99s] for side in (ours, theirs))
    crowd = f"{place.size(10_000, 1_000):,} idle and {place.size(1_000, 100):,} slow connections"
    return [Row(f"p99 of GETs among {crowd}", f"{us[0]:,.0f} us", f"at rest {us[1]:,.0f} us", ours.times,
                f"at most {TIMES_MAX} times", ours.times <= TIMES_MAX,
                note=f"{CONNECTIONS} healthy connections, {len(ours.rest)} times, crowded / at rest {ours.runs()}; "
                     f"{what_it_did(ours.did)}, which took {ours.eager_part():.0%}; resident {max(ours.resident) / 2**20:.0f} MiB "
                     "at most", measured=vars(ours)),
            Row("  nginx among the same crowd", f"{them[0]:,.0f} us", f"at rest {them[1]:,.0f} us", theirs.times,
                note=f"in turn with heapd, crowded / at rest {theirs.runs()}; it cuts slow writers as late as heapd, and tells "
                     "them nothing", measured=vars(theirs))]

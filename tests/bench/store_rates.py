"""
store_rates.py - changes that are on disk before they are answered, a second.

Both servers wait for the disk for a part of the time, so rates are compared and not CPU. What Redis writes is as long as
what heapd is sent: a SET with a value of as many bytes as the body, an HSET with the fields of the records of a batch.
"""
import json
import tempfile
import time
from functools import partial

from edge_batch import HSET, KEYS, OPS, PIPELINE
from peers import Failed, Heapd, Redis, Row, in_turn, median
from rates import CONNECTIONS, DOCUMENT, POST_SCRIPT, kilo, paired, wrk

BAR = 1.0
PATIENCE = 600  # until what was kept is back

# As many objects stay alive as Redis has keys: a batch's are a chain that is rooted, and takes the place of an older one.
BATCH_SCRIPT = """wrk.method = "POST"
local creates, count = io.open("%s"):read("*a"), 0
request = function()
  count = count + 1
  return wrk.format(nil, nil, nil, creates .. string.format('["root","batch%%d","@%d"]\\n', count %% %d))
end
"""


def directory(place):
    return tempfile.mkdtemp(dir=place.folder)


def wait_for(server, is_back):
    end = time.monotonic() + PATIENCE
    while not is_back(server):
        if time.monotonic() > end:
            raise Failed(f"{server.process.args[0]} does not come back")
        time.sleep(0.005)


def both(place, preload=None):
    """The two, each with a directory of its own on one disk."""
    return Heapd(place, "--data", directory(place), preload=preload), Redis(place, directory(place), preload)


def row(what, beside, pairs, ours, theirs, note=""):
    rates, cpu = ([[said[name] for said in side] for side in (ours, theirs)] for name in ("rate", "cpu_us"))
    ratio = paired(*rates)
    return Row(what, kilo(rates[0]), f"{beside} {kilo(rates[1])}", ratio, f"at least {BAR}", ratio >= BAR,
               note=f"{CONNECTIONS} connections, {pairs} pairs, ratios " + ", ".join(f"{a / b:.2f}" for a, b in zip(*rates))
                    + f"; CPU of the server {median(cpu[0]):.2f} and {median(cpu[1]):.2f} us each" + note,
               measured={"heapd": ours, "redis": theirs})


class Asked:
    """redis-benchmark is told how many and not how long: as many as it did in so many seconds the time before."""

    def __init__(self, place, redis, *command):
        self.place, self.redis, self.command, self.rate = place, redis, command, 5000

    def __call__(self, seconds):
        count, before = int(self.rate * seconds), self.redis.cpu_seconds()
        said = self.place.client("redis-benchmark", "-p", self.redis.port, "-c", CONNECTIONS, "--csv", "-n", count, *self.command)
        self.rate = float(said.splitlines()[-1].split('","')[1])
        return {"rate": self.rate, "cpu_us": (self.redis.cpu_seconds() - before) / count * 1e6}


def pairs_of(place, *asks):
    """Warmed up, then in turn."""
    pairs = place.size(5, 2)
    in_turn(2, *(partial(ask, 1) for ask in asks))
    return pairs, *in_turn(pairs, *(partial(ask, place.size(3, 1)) for ask in asks))


# ---- one object after the other ----

def posts(place, what, preload=None):
    script = place.folder / "post.lua"
    script.write_text(POST_SCRIPT % json.dumps(DOCUMENT))
    heapd, redis = both(place, preload)
    with heapd, redis:
        wait_for(heapd, Heapd.is_ready)
        pairs, ours, theirs = pairs_of(
            place, lambda seconds: wrk(place, heapd, f"{heapd.url}/v1/objects", seconds, script),
            Asked(place, redis, "-r", 100_000_000, "-d", len(json.dumps(DOCUMENT)), "-t", "set"))
    return [row(what, "Redis SET", pairs, ours, theirs)]


def post_rows(place):
    return posts(place, "POST of one object, on disk when it is answered")


def slow_rows(place):
    return posts(place, "  the same where every fdatasync takes 2 ms more", place.built("slow_sync.so"))


# ---- batches ----

def create(number):
    fields = {"name": f"node:{number:012}", "val": 42, "next": {"$ref": f"@{number - 1}"} if number > 0 else None}
    return json.dumps(["new", "Node", fields], separators=(",", ":")) + "\n"


def creates():
    """The ops of a batch, each linked to the one before."""
    return "".join(create(number) for number in range(OPS))


def batch(place, heapd, script, seconds):
    said = wrk(place, heapd, f"{heapd.url}/v1/batch?reply=summary", seconds, script)
    return {"rate": said["rate"] * OPS, "cpu_us": said["cpu_us"] / OPS}


def batch_rows(place):
    script, ops = place.folder / "batch.lua", place.folder / "batch.ndjson"
    ops.write_text(creates())
    script.write_text(BATCH_SCRIPT % (ops, OPS - 1, KEYS // OPS))
    heapd, redis = both(place)
    with heapd, redis:
        wait_for(heapd, Heapd.is_ready)
        pairs, ours, theirs = pairs_of(place, partial(batch, place, heapd, script),
                                       Asked(place, redis, "-r", KEYS, "-P", PIPELINE, *HSET))
    return [row(f"creates of three fields in batches of {OPS:,}, summary, on disk", f"Redis HSET -P {PIPELINE}", pairs, ours,
                theirs, f"; up to {KEYS:,} objects and keys are alive, then older ones make room")]

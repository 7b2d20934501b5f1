"""
edge_batch.py - batches of creates, 1,000 a request, beside Redis' HSET of three fields pipelined by 50.

Both make records of three fields with the same names and contents: a text of 17 bytes, an integer, and a link (in Redis
the text of a key). Redis keeps what it has made under a million random keys; a batch that roots nothing has let go of
it all by its last line, and that is part of its time. One process on one core answers, asked by 50 connections from the
other.
"""
import json
import random
from functools import partial

from peers import Failed, Heapd, Redis, Row, in_turn, median
from rates import CONNECTIONS, paired, wrk

OPS = 1000
KEYS = 1_000_000
PIPELINE = 50
BARS = {"summary": 1.5, "full replies": 0.8}
QUERIES = {"summary": "?reply=summary", "full replies": ""}
HSET = ["HSET", "node:__rand_int__", "name", "node:__rand_int__", "val", "42", "next", "node:__rand_int__"]

POST_SCRIPT = """wrk.method = "POST"
wrk.body = io.open("%s"):read("*a")
"""


def create(rand, number):
    fields = {"name": f"node:{rand.randrange(KEYS):012}", "val": 42, "next": None}
    if number > 0:
        fields["next"] = {"$ref": f"@{rand.randrange(number)}"}
    return json.dumps(["new", "Node", fields], separators=(",", ":"))


def body():
    rand = random.Random(4)
    return "".join(create(rand, i) + "\n" for i in range(OPS))


def check(heapd, text):
    """What wrk would not see: that every op of the batch is done."""
    heapd.http.request("POST", "/v1/batch?reply=summary", text)
    said = json.loads(heapd.http.getresponse().read())
    if said != {"done": OPS, "failed": 0}:
        raise Failed(f"the batch answers {said}")


def batch(place, heapd, script, query, seconds):
    said = wrk(place, heapd, f"{heapd.url}/v1/batch{query}", seconds, script)
    return {"rate": said["rate"] * OPS, "cpu_us": said["cpu_us"] / OPS}


def hset(place, redis, count):
    before = redis.cpu_seconds()
    said = place.client("redis-benchmark", "-p", redis.port, "-c", CONNECTIONS, "-r", KEYS, "-P", PIPELINE, "-n", count,
                        "--csv", *HSET)
    cpu = redis.cpu_seconds() - before
    return {"rate": float(said.splitlines()[-1].split('","')[1]), "cpu_us": cpu / count * 1e6}


def row(what, pairs, ours, theirs):
    rates, cpu = ([[said[name] for said in side] for side in (ours, theirs)] for name in ("rate", "cpu_us"))
    ratio, bar = paired(*rates), BARS[what]
    return Row(f"batches of creates of three fields, {OPS:,} ops a request, {what}", f"{median(rates[0]) / 1e6:.2f} M ops/s",
               f"Redis HSET -P {PIPELINE} {median(rates[1]) / 1e6:.2f} M ops/s", ratio, f"at least {bar}", ratio >= bar,
               note=f"{CONNECTIONS} connections, {pairs} pairs, ratios "
                    + ", ".join(f"{a / b:.2f}" for a, b in zip(*rates))
                    + f"; CPU of the server {median(cpu[0]):.2f} and {median(cpu[1]):.2f} us an op, ratio {paired(*cpu):.2f}",
               measured={"heapd": ours, "redis": theirs})


def rows(place):
    pairs, seconds, count = place.size(5, 2), place.size(2, 1), place.size(3_000_000, 300_000)
    text, script = body(), place.folder / "batch.lua"
    (place.folder / "batch.ndjson").write_text(text)
    script.write_text(POST_SCRIPT % (place.folder / "batch.ndjson"))
    with Heapd(place) as heapd, Redis(place) as redis:
        check(heapd, text)
        hset(place, redis, count)  # its table of keys grows once
        ask = [partial(batch, place, heapd, script, query, seconds) for query in QUERIES.values()]
        *ours, theirs = in_turn(pairs, *ask, partial(hset, place, redis, count))
    return [row(what, pairs, mine, theirs) for what, mine in zip(QUERIES, ours)]

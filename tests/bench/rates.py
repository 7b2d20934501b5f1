"""
rates.py - requests a second, and what one costs the server.

GET of one object against nginx's `return 200` with as many bytes of body: both answer from memory, both by one process
on one core, asked by the same wrk. Creating has no equal; Redis stands beside it as what people know, asked by its own
redis-benchmark.
"""
import json
import re
import resource
import time
from functools import partial

from peers import Failed, Heapd, Nginx, Redis, Row, in_turn, median

CONNECTIONS = 50
GET_BAR = 0.7
DOCUMENT = {"class": "Node", "fields": {"name": "a node", "left": None, "right": None, "val": 42}}


def children_cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def wrk_said(place, url, seconds, *options):
    said = place.client("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *options, url)
    if "Non-2xx" in said or "Socket errors" in said:
        raise Failed(f"wrk {url}:\n{said}")
    return said


def wrk_p99_us(place, url, seconds):
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", wrk_said(place, url, seconds, "--latency")).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def wrk(place, server, url, seconds, script=None):
    """Requests a second, the server's CPU microseconds for each, and the part of the time that wrk itself was busy."""
    before, asked, began = server.cpu_seconds(), children_cpu_seconds(), time.monotonic()
    said = wrk_said(place, url, seconds, *(["-s", script] if script else []))
    cpu = server.cpu_seconds() - before
    asked = (children_cpu_seconds() - asked) / (time.monotonic() - began)
    requests = int(re.search(r"(\d+) requests in", said)[1])
    return {"rate": float(re.search(r"Requests/sec:\s*([\d.]+)", said)[1]), "cpu_us": cpu / requests * 1e6, "asked": asked}


def kilo(rates):
    return f"{median(rates) / 1000:,.1f} k/s"


def paired(ours, theirs):
    return median(a / b for a, b in zip(ours, theirs))


def get_rows(place):
    pairs, seconds = place.size(5, 2), place.size(3, 1)
    with Heapd(place) as heapd:
        path = f"/v1/objects/{heapd.ask('POST', '/v1/objects', DOCUMENT)['id']}"
        heapd.http.request("GET", path)
        body_bytes = len(heapd.http.getresponse().read())
        with Nginx(place, body_bytes) as nginx:
            ask = [partial(wrk, place, heapd, heapd.url + path), partial(wrk, place, nginx, nginx.url)]
            in_turn(1, *(partial(a, 1) for a in ask))  # to warm up
            ours, theirs = in_turn(pairs, *(partial(a, seconds) for a in ask))
    rate = [[r["rate"] for r in side] for side in (ours, theirs)]
    cpu = [[r["cpu_us"] for r in side] for side in (ours, theirs)]
    ratio = paired(*rate)
    return [
        Row(f"GET of one object, {CONNECTIONS} connections", kilo(rate[0]), f"nginx return 200 {kilo(rate[1])}", ratio,
            f"at least {GET_BAR}", ratio >= GET_BAR,
            note=f"{body_bytes} bytes of body each; {pairs} pairs of {seconds} s, ratios "
                 + ", ".join(f"{a / b:.2f}" for a, b in zip(*rate)), measured={"heapd": ours, "nginx": theirs}),
        Row("  CPU of the server for one", f"{median(cpu[0]):.2f} us", f"nginx {median(cpu[1]):.2f} us", paired(*cpu),
            note="user and system time in /proc/PID/stat"),
    ]


# ---- creating ----

POST_SCRIPT = """wrk.method = "POST"
wrk.body = '%s'
wrk.headers["Content-Type"] = "application/json"
"""


def redis_benchmark(place, redis, *args):
    said = place.client("redis-benchmark", "-p", redis.port, "-c", CONNECTIONS, "-r", 100_000_000, "--csv", *args)
    return float(said.splitlines()[-1].split('","')[1])


def batch_rate(place, heapd, count):
    said = place.program("batch_stream", heapd.port, "loose", count)
    return said["objects"] / said["seconds"]


def create_rows(place):
    pairs, seconds = place.size(3, 1), place.size(2, 1)
    singles, many = place.size(200_000, 50_000), place.size(500_000, 100_000)
    script = place.folder / "post.lua"
    script.write_text(POST_SCRIPT % json.dumps(DOCUMENT))
    value_bytes = len(json.dumps(DOCUMENT))
    fields = ["HSET", "node:__rand_int__", "left", "node:1", "right", "node:2", "val", "42"]
    with Heapd(place) as heapd, Redis(place) as redis:
        posts, sets = in_turn(
            pairs, lambda: wrk(place, heapd, heapd.url + "/v1/objects", seconds, script)["rate"],
            lambda: redis_benchmark(place, redis, "-n", singles, "-d", value_bytes, "-t", "set"))
    with Heapd(place) as heapd, Redis(place) as redis:
        batches, hsets = in_turn(
            pairs, lambda: batch_rate(place, heapd, many),
            lambda: redis_benchmark(place, redis, "-n", many, "-P", 50, *fields))
    return [
        Row("POST of one object, not pipelined", kilo(posts), f"Redis SET {kilo(sets)}", paired(posts, sets),
            note=f"{CONNECTIONS} connections; {value_bytes} bytes of JSON, and a value of as many; every object stays alive",
            measured={"heapd": posts, "redis": sets}),
        Row("creates of one streamed batch", kilo(batches), f"Redis HSET -P 50 {kilo(hsets)}", paired(batches, hsets),
            note=f"{many:,} records of 3 fields, one connection, ?reply=summary, until all is let go of again; random keys "
                 f"from {CONNECTIONS} connections pipelined by 50", measured={"heapd": batches, "redis": hsets}),
    ]

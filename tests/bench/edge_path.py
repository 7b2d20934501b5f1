"""
edge_path.py - one small request after the other: what a GET and a POST cost beside nginx, webdis, Node and Redis.

The object is a record of four fields, its document some 160 bytes. nginx answers every request with as many bytes, Node
keeps objects in a Map and answers the same documents, webdis answers a string of that length out of a Redis that runs on
the same core, as it has to. Redis' SET has a value as long as heapd's body, and is asked by redis-benchmark.
"""
import json
from functools import partial

from peers import Failed, Heapd, Nginx, Node, Redis, Row, Webdis, in_turn, median
from rates import CONNECTIONS, DOCUMENT, POST_SCRIPT, kilo, paired, wrk, wrk_p99_us

PIPELINE = 16
BUSY = 0.9  # of the time, and a server was the limit ...
FULL = 0.97  # ... unless wrk was busy for so much of it: a server faster than its client looks more often, for less each time
STREAM_OPS = 5_000_000
STREAM_MS_MORE = 3

PIPELINE_SCRIPT = """init = function() local all = {} for i = 1, %d do all[i] = wrk.format() end all = table.concat(all)
  request = function() return all end end
""" % PIPELINE


# ---- one way to judge ----

def compare(what, beside, bar, ours, theirs, note=""):
    """Rates where the servers were the limit; else what a request cost them."""
    rates, cpu = ([[said[name] for said in side] for side in (ours, theirs)] for name in ("rate", "cpu_us"))
    busy = [median(said["rate"] * said["cpu_us"] / 1e6 for said in side) for side in (ours, theirs)]
    by_rate, by_cpu = paired(*rates), 1 / paired(*cpu)
    asked = [median(said["asked"] for said in side) for side in (ours, theirs) if "asked" in side[0]]
    servers = min(busy) >= BUSY and max(asked) < FULL
    ratio, by = (by_rate, "rates") if servers else (by_cpu, "CPU a request, for the client was the limit")
    each = ", ".join(f"{a / b:.2f}" for a, b in zip(*rates))
    said = (f"{len(ours)} pairs, ratios of rates {each}; CPU a request {median(cpu[0]):.2f} and {median(cpu[1]):.2f} us, "
            f"ratio {by_cpu:.2f}; busy {busy[0]:.0%} and {busy[1]:.0%}, wrk {' and '.join(f'{a:.0%}' for a in asked)}: judged by {by}")
    return Row(what, kilo(rates[0]), f"{beside} {kilo(rates[1])}", ratio, f"at least {bar:g}", ratio >= bar,
               note=f"{said}{'; ' if note else ''}{note}", measured={"heapd": ours, "beside": theirs})


def pairs_of(place, *asks):
    """Warmed up, then in turn; each ask takes the seconds it may run."""
    in_turn(1, *(partial(ask, 1) for ask in asks))
    return in_turn(place.size(5, 2), *(partial(ask, place.size(3, 1)) for ask in asks))


def script(place, name, text):
    path = place.folder / name
    path.write_text(text)
    return path


def object_in(heapd):
    """The path of a new object, and how long its document is."""
    path = f"/v1/objects/{heapd.ask('POST', '/v1/objects', DOCUMENT)['id']}"
    heapd.http.request("GET", path)
    return path, len(heapd.http.getresponse().read())


# ---- GET ----

def get_rows(place):
    with Heapd(place) as heapd:
        path, size = object_in(heapd)
        with Nginx(place, size) as nginx, Redis(place) as redis, Webdis(place, redis, size) as webdis:
            ask = [partial(wrk, place, server, url) for server, url in
                   ((heapd, heapd.url + path), (nginx, nginx.url), (webdis, webdis.url))]
            ours, static, dis = pairs_of(place, *ask)
    what = f"GET of one object, {CONNECTIONS} connections"
    return [compare(what, "nginx return 200", 1.0, ours, static, f"{size} bytes of body each"),
            compare("  the same beside Redis' door", "webdis", 2.0, ours, dis,
                    "its CPU is that of webdis alone, without Redis'")]


def pipelined_rows(place):
    with Heapd(place) as heapd:
        path, size = object_in(heapd)
        with Nginx(place, size) as nginx:
            lua = script(place, "pipeline.lua", PIPELINE_SCRIPT)
            ours, theirs = pairs_of(place, *(lambda s, a=server, u=url: wrk(place, a, u, s, lua) for server, url in
                                             ((heapd, heapd.url + path), (nginx, nginx.url))))
    return [compare(f"GET pipelined by {PIPELINE}", f"nginx pipelined by {PIPELINE}", 4.0, ours, theirs)]


# ---- POST ----

def redis_set(place, redis, seconds):
    count, before = 70_000 * seconds, redis.cpu_seconds()
    said = place.client("redis-benchmark", "-p", redis.port, "-c", CONNECTIONS, "-r", 100_000_000, "--csv", "-n", count,
                        "-d", len(json.dumps(DOCUMENT)), "-t", "set")
    return {"rate": float(said.splitlines()[-1].split('","')[1]), "cpu_us": (redis.cpu_seconds() - before) / count * 1e6}


def post_rows(place):
    lua = script(place, "post.lua", POST_SCRIPT % json.dumps(DOCUMENT))
    with Heapd(place) as heapd, Node(place) as node, Redis(place) as redis:
        post = [lambda s, a=server: wrk(place, a, f"{a.url}/v1/objects", s, lua) for server in (heapd, node)]
        ours, nodes, sets = pairs_of(place, *post, partial(redis_set, place, redis))
    what = f"POST of one object, {CONNECTIONS} connections"
    return [compare(what, "Node, a Map", 1.6, ours, nodes, "every object stays alive"),
            compare("  the same beside a write without JSON", "Redis SET", 1.0, ours, sets)]


# ---- a GET while a batch runs ----

class Batches:
    """Batches of STREAM_OPS creates, one after the other, from `with` to its end; the last is cut."""

    def __init__(self, place, heapd):
        self.command = [place.built("batch_stream"), heapd.port, "loose", STREAM_OPS]
        self.place, self.begun = place, 0

    def begin(self):
        self.process = self.place.start(self.place.client_core, *self.command)
        self.begun += 1

    def still_runs(self):
        if self.process.poll() is None:
            return
        if self.process.returncode != 0:
            raise Failed(f"the batch ended with {self.process.returncode}")
        self.begin()

    def __enter__(self):
        self.begin()
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait()


def stream_rows(place):
    pairs = place.size(5, 2)
    with Heapd(place) as heapd:
        path, size = object_in(heapd)
        with Nginx(place, size) as nginx, Batches(place, heapd) as batches:
            def p99(url):
                batches.still_runs()
                return wrk_p99_us(place, url, 1)
            ours, theirs = in_turn(pairs, partial(p99, heapd.url + path), partial(p99, nginx.url))
    mine, peer = median(ours) / 1e3, median(theirs) / 1e3
    return [Row("p99 of GETs while another client streams a batch", f"{mine:.2f} ms", f"nginx beside the same batch {peer:.2f} ms",
                mine / peer, f"at most {STREAM_MS_MORE} ms more", mine <= peer + STREAM_MS_MORE,
                note=f"{CONNECTIONS} connections; batches of {STREAM_OPS:,} creates stream into heapd all the time, on the "
                     f"core of both servers; {pairs} pairs of 1 s, heapd {', '.join(f'{us / 1e3:.2f}' for us in ours)}, nginx "
                     f"{', '.join(f'{us / 1e3:.2f}' for us in theirs)}", measured={"heapd": ours, "nginx": theirs})]

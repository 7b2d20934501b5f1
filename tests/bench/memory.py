"""
memory.py - what a record of three fields costs: two links and a small integer, everything counted.

In process, heapd's heap and collector against CPython's smallest object of that shape, both in one list whose own bytes
are taken off; and over HTTP, where heapd's accounts are held against the resident size that the kernel sees.
"""
import json
import socket
import subprocess

from peers import Failed, Heapd, Redis, Row

BAR = 48

# The list is there before the first look, so that the growth is the objects' own. Links as in record_memory.c; small
# integers are shared by all, so that they cost nothing here either.
SLOTS = """
import json, os
class Node:
    __slots__ = ("left", "right", "val")
    def __init__(self, left, right, val):
        self.left, self.right, self.val = left, right, val
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")
count = %d
objects = [None] * count
before = resident()
for i in range(count):
    objects[i] = Node(objects[i - 1], objects[i // 2], i %% 128)
print(json.dumps({"bytes_an_object": (resident() - before) / count}))
"""


def python_bytes(count):
    done = subprocess.run(["/usr/bin/python3", "-c", SLOTS % count], stdout=subprocess.PIPE, timeout=300, check=True)
    return json.loads(done.stdout)["bytes_an_object"]


def hset(i):
    words = ["HSET", f"node:{i}", "left", f"node:{max(i - 1, 0)}", "right", f"node:{i // 2}", "val", str(i % 128)]
    return f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)


def redis_bytes(place, count, at_once=1000):
    with Redis(place) as redis, socket.create_connection(("127.0.0.1", redis.port)) as s:
        before, answers = redis.used_memory(), s.makefile("rb")
        for first in range(0, count, at_once):
            s.sendall("".join(hset(i) for i in range(first, first + at_once)).encode())
            if any(answers.readline() != b":3\r\n" for _ in range(at_once)):
                raise Failed("redis refused an HSET")
        return (redis.used_memory() - before) / count


def over_http(place, count):
    with Heapd(place) as heapd:
        before = heapd.ask("GET", "/v1/heap")
        place.program("batch_stream", heapd.port, "records", count)
        heapd.settle()
        after = heapd.ask("GET", "/v1/heap")
    if after["objects"] != count:
        raise Failed(f"{after['objects']} objects came of {count}")
    by_object = lambda of: (of(after) - of(before)) / count
    said = {name: by_object(lambda h, name=name: h["bytes"][name]) for name in ("live", "in_use", "committed", "accounted")}
    return said | {"rss": by_object(lambda h: h["rss"])}


def rows(place):
    count, keys, sent = place.size(5_000_000, 500_000), place.size(200_000, 50_000), place.size(1_000_000, 200_000)
    ours = place.program("record_memory", count)
    cpython, redis, http = python_bytes(count), redis_bytes(place, keys), over_http(place, sent)
    each = ours["bytes_an_object"]
    return [
        Row("a record of 3 fields, in process", f"{each:.1f} B", f"CPython __slots__ {cpython:.1f} B", each / cpython,
            f"at most {BAR} B", each <= BAR,
            note=f"{count:,} in one list; growth of the resident size, less the list. CPython's list slots and shared small "
                 "integers are taken off too", measured=ours | {"cpython": cpython}),
        Row("  the same beside a hash", f"{each:.1f} B", f"Redis HSET {redis:.1f} B", each / redis,
            note=f"{keys:,} keys node:N, growth of used_memory with the table of keys", measured={"redis": redis}),
        Row("  the same through HTTP", f"{http['rss']:.1f} B", f"/v1/heap accounts for {http['accounted']:.1f} B",
            http["rss"] / http["accounted"],
            note=f"{sent:,} by one streamed batch; growth of rss. Of it in use {http['in_use']:.1f}, committed "
                 f"{http['committed']:.1f}; documents add up to {http['live']:.1f}, table share included", measured=http),
    ]

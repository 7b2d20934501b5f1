"""
cpython_work.py - collector_work.c's twin: the same work on the same graph in plain CPython.

    cpython_work.py NUMBERS graph|chain|young|pairs|sparse COUNT [creation|random|KEEP]

NUMBERS is a file that `collector_work numbers COUNT` wrote. One line of JSON with the keys of collector_work.c; times
are CPU time of the thread there and here.

Everything is done the fastest way that CPython has: objects with __slots__ and without __init__, loops over lists
that are laid out before, a list where heapd has ids. What a new object holds as None costs nothing here.

Order. A collection walks CPython's own list of all objects. In the order of creation that is the order of addresses,
which prefetchers like. The list takes on another order by itself: what the collector meets before what
holds it is set aside, and put back in the order in which the holder has it. So for `random` the objects are held by
a shuffled list that is younger than they are, and the first collection, which is not timed, moves them: from then
on the list of all objects runs through memory in the order of that shuffle, as it does in a program that
has run for long. In `creation` order the list that holds them is older, and nothing moves.
"""
import array
import gc
import json
import os
import sys
import time

SMALL_INTS = 128
FULL_ROUNDS = 3
YOUNG = 2000
PAIRS_AN_OLD_ONE = 3
THRESHOLDS = (2000, 10, 10)

now_ns = time.thread_time_ns


class Node:
    __slots__ = ("a", "b", "n")


def read_numbers(path, count):
    columns = [array.array("I") for _ in "abo"]
    with open(path, "rb") as f:
        for column in columns:
            column.fromfile(f, count)
    return columns


def resident_bytes():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def timed(work, *args):
    began = now_ns()
    work(*args)
    return now_ns() - began


# ---- the loops that are timed ----

def create(objects):
    for i in range(len(objects)):
        o = Node()
        o.n = i % SMALL_INTS
        objects[i] = o


def link_a(objects, targets):
    for o, t in zip(objects, targets):
        o.a = t


def link_b(objects, targets):
    for o, t in zip(objects, targets):
        o.b = t


def look_up(objects, places):
    for i in places:
        objects[i]


def read(objects, places):
    for i in places:
        objects[i].n


# ---- the work ----

def at(objects, places):
    return [objects[i] for i in places]


def graph(count, numbers, order):
    a, b, shuffle = numbers
    objects = [None] * count
    rss = resident_bytes()
    said = {"create_ns": timed(create, objects) / count}
    said["rss_bytes"] = (resident_bytes() - rss) / count
    link_ns = timed(link_a, objects, at(objects, a)) + timed(link_b, objects, at(objects, b))
    said |= {"link_ns": link_ns / 2 / count, "lookup_ns": timed(look_up, objects, shuffle) / count,
             "read_ns": timed(read, objects, shuffle) / count}
    if order == "random":
        objects = at(objects, shuffle)
    gc.collect()
    said["full_ms"] = sorted(timed(gc.collect) for _ in range(FULL_ROUNDS))[FULL_ROUNDS // 2] / 1e6
    began = now_ns()
    objects = None
    counted = now_ns() - began
    gc.collect()
    return said | {"dead_ms": (now_ns() - began) / 1e6, "dead_by_counts_ms": counted / 1e6}


def chain(count, numbers, order):
    objects = [None] * count
    create(objects)
    if order == "random":
        objects = at(objects, numbers[2])
    link_a(objects, objects[1:])
    head = objects[0]
    del objects
    began = now_ns()
    head = None
    return {"chain_ns": (now_ns() - began) / count}


def make_old(count):
    objects = [None] * count
    create(objects)
    gc.collect()
    return objects


def make_young():
    objects = [Node() for _ in range(YOUNG)]
    before = None
    for i, o in enumerate(objects):
        o.a, o.b, o.n = objects[i ^ 1], before, 1
        before = o
    return objects


def young(count, numbers):
    old, spent, rounds = make_old(count), {"live_ns": 0, "dead_ns": 0}, count // YOUNG
    for _ in range(rounds):
        objects = make_young()
        spent["live_ns"] += timed(gc.collect, 0)
        del objects
        gc.collect(1)
        make_young()
        spent["dead_ns"] += timed(gc.collect, 0)
    assert len(old) == count
    return {name: ns / rounds / YOUNG for name, ns in spent.items()}


def make_pairs(pairs):
    for _ in range(pairs):
        x = Node()
        y = Node()
        x.a = y
        y.a = x


def pairs(count, numbers):
    old, many = make_old(count), PAIRS_AN_OLD_ONE * count
    gc.set_threshold(*THRESHOLDS)
    gc.enable()
    spent = timed(make_pairs, many)
    assert len(old) == count
    return {"pair_ns": spent / many}


def sparse(count, numbers, keep):
    objects, keep = [None] * count, int(keep)
    rss = resident_bytes()
    create(objects)
    gc.collect()
    grown = resident_bytes() - rss
    for i, place in enumerate(numbers[2]):
        if place % keep != 0:
            objects[i] = None
    gc.collect()
    return {"grown_bytes": grown, "left_bytes": resident_bytes() - rss}


def main():
    path, work, count, *more = sys.argv[1:]
    gc.disable()
    said = globals()[work](int(count), read_numbers(path, int(count)), *more)
    print(json.dumps(said | {"count": int(count)}))


if __name__ == "__main__":
    main()

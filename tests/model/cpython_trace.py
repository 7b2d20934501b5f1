#!/usr/bin/env python3
"""A random life on real CPython objects, written down with what CPython's collector did about it.

    cpython_trace.py --seed N [--ops N]               print one trace; tests/model/trace_replay reads it
    cpython_trace.py --replay TRACE_REPLAY [--seeds N] play traces of many seeds into that program

One object of CPython is one of heapd: a class with __slots__ or a dict subclass is a record, a list subclass a
list, a code object (never tracked) bytes. Everything the interpreter itself made is frozen first, so what
gc.collect() returns counts our objects only. Count 0 of the collector sees every container of the interpreter, so
it is kept here by its rule; when it says so, gc.collect(g) is called as the allocator would have. Counts 1 and 2,
populations and statistics are read from CPython.
"""
import argparse
import gc
import random
import subprocess
import sys
import weakref

FIELDS = [f"f{i}" for i in range(8)]
KEYS = [f"k{i}" for i in range(48)]


class Rec:
    __slots__ = (*FIELDS, "oid", "__weakref__")


class Map(dict):
    __slots__ = ("oid", "__weakref__")


class List(list):
    __slots__ = ("oid", "__weakref__")


CODE = (lambda: 0).__code__
KINDS = {"r": Rec, "d": Map, "l": List}
OURS = tuple(KINDS.values())
SKIPPED = 77  # how a test says that it does not apply here


class Life:
    def __init__(self, seed, out):
        self.random = random.Random(seed)
        self.out = out
        self.refs = []    # weak reference of every object ever made, by number
        self.kinds = []
        self.alive = set()
        self.roots = {}
        self.count0 = 0
        self.thresholds = (0, 10, 10)  # 0: nothing starts by itself
        self.pending = self.total = 0
        self.saving = False
        self.size = self.random.choice((20, 100, 300))
        self.links = self.random.uniform(0.4, 0.95)

    def say(self, *words):
        print(*words, file=self.out)

    # ---- what CPython did ----

    def hear_deaths(self):
        """Who died since the last time; count 0 falls with each tracked one."""
        dead = [i for i in self.alive if self.refs[i]() is None]
        self.alive.difference_update(dead)
        self.count0 = max(0, self.count0 - sum(self.kinds[i] != "b" for i in dead))

    def population(self, generation):
        return sum(isinstance(o, OURS) for o in gc.get_objects(generation=generation))

    def collect(self, generation, word):
        old = self.population(1) if generation == 0 else self.population(2) if generation == 1 else 0
        self.count0 = 0
        gc.set_debug(gc.DEBUG_SAVEALL if self.saving else 0)
        garbage = len(gc.garbage)
        found = gc.collect(generation)
        gc.set_debug(0)
        for o in gc.garbage[garbage:]:  # saving cleared their weak references
            self.refs[o.oid] = weakref.ref(o)
        o = None
        saved = len(gc.garbage) - garbage
        if generation == 1:
            self.pending += self.population(2) - old - saved
        if generation == 2:
            self.pending, self.total = 0, self.population(2) - saved
        self.hear_deaths()
        self.count0 = 0
        self.say(word, generation, found)
        self.say("alive", *sorted(self.alive))
        self.tell_state()

    def tell_state(self):
        tracked = sum(self.kinds[i] != "b" for i in self.alive)
        populations = [self.population(g) for g in range(3)]
        stats = [(s["collections"] - b["collections"], s["collected"] - b["collected"])
                 for s, b in zip(gc.get_stats(), self.stats_before)]
        self.say("state", self.count0, *gc.get_count()[1:], *populations, tracked - sum(populations), len(gc.garbage),
                 *(n for pair in stats for n in pair))

    def maybe_collect(self):
        """What an allocation does (gcmodule.c, gc_collect_generations)."""
        counts = (self.count0, *gc.get_count()[1:])
        if self.thresholds[0] == 0 or counts[0] <= self.thresholds[0]:
            return
        for g in (2, 1, 0):
            if counts[g] > self.thresholds[g] and (g < 2 or self.pending >= self.total // 4):
                self.collect(g, "run")
                return

    # ---- operations ----

    def pick(self, kinds="rdlb"):
        some = [i for i in self.alive if self.kinds[i] in kinds]
        return self.random.choice(sorted(some)) if some else None

    def value(self):
        """A link to any object alive, reachable or not, or no link: its number and the value."""
        i = self.pick() if self.random.random() < self.links else None
        return (-1, 7) if i is None else (i, self.refs[i]())

    def new(self):
        i, kind = len(self.refs), self.random.choice("rrrrrddllb")
        o = CODE.replace(co_name=f"leaf{i}") if kind == "b" else KINDS[kind]()
        if kind != "b":
            o.oid = i
            self.count0 += 1
        self.refs.append(weakref.ref(o))
        self.kinds.append(kind)
        self.alive.add(i)
        self.roots[i] = o
        self.say("new", i, kind)
        del o
        self.maybe_collect()

    def drop(self):
        if self.roots:
            i = self.random.choice(sorted(self.roots))
            del self.roots[i]
            self.say("drop", i)

    def root(self):
        i = self.pick()
        if i is not None and i not in self.roots:
            self.roots[i] = self.refs[i]()
            self.say("root", i)

    def set(self):
        i = self.pick("rd")
        if i is None:
            return
        j, v = self.value()
        if self.kinds[i] == "r":
            name = self.random.choice(FIELDS)
            setattr(self.refs[i](), name, v)
        else:
            name = self.random.choice(KEYS)
            self.refs[i]()[name] = v
        self.say("set", i, name, j)

    def unset(self):
        i = self.pick("rd")
        if i is None:
            return
        if self.kinds[i] == "r":
            name = self.random.choice(FIELDS)
            if hasattr(self.refs[i](), name):
                delattr(self.refs[i](), name)
                self.say("unset", i, name)
        elif self.refs[i]():
            name = self.random.choice(sorted(self.refs[i]()))
            del self.refs[i]()[name]
            self.say("unset", i, name)

    def push(self):
        i = self.pick("l")
        if i is None:
            return
        for _ in range(150 if self.random.random() < 0.02 else 1):
            j, v = self.value()
            self.refs[i]().append(v)
            self.say("push", i, j)

    def list_edit(self):
        i = self.pick("l")
        if i is None or not self.refs[i]():
            return
        at = self.random.randrange(len(self.refs[i]()))
        if self.random.random() < 0.5:
            del self.refs[i]()[at]
            self.say("delete", i, at)
            return
        j, v = self.value()
        self.refs[i]()[at] = v
        self.say("put", i, at, j)

    def ring(self):
        """A cycle of new objects that nothing else holds, and a tail hanging on it."""
        first = len(self.refs)
        count = self.random.choice((1, 1, 2, 3, 10))
        for _ in range(count):
            self.new()
        members = [i for i in range(first, first + count) if self.kinds[i] == "r"]
        for a, b in zip(members, members[1:] + members[:1]):
            self.refs[a]().f0 = self.refs[b]()
            self.say("set", a, "f0", b)
        for i in range(first, first + count):
            if self.random.random() < 0.7:
                self.roots.pop(i)
                self.say("drop", i)
                self.hear_deaths()

    def freeze(self):
        if self.random.random() < 0.5:
            gc.freeze()
            self.count0 = 0
            self.say("freeze")
        else:
            gc.unfreeze()
            self.say("unfreeze")

    def save(self):
        self.saving = not self.saving
        self.say("saveall", int(self.saving))

    def clear(self):
        gc.garbage.clear()
        self.say("clear")

    def tune(self):
        self.thresholds = self.random.choice(((0, 10, 10), (5, 2, 2), (10, 1, 1), (30, 3, 3), (3, 10, 10)))
        self.say("thresholds", *self.thresholds)
        self.maybe_collect()

    def collect_any(self):
        self.collect(self.random.choice((0, 0, 0, 1, 1, 2)), "collect")

    def live(self, ops):
        grow = [(self.new, 20), (self.ring, 25), (self.root, 3)]
        change = [(self.set, 40), (self.unset, 20), (self.push, 15), (self.list_edit, 15), (self.collect_any, 3),
                  (self.freeze, 0.3), (self.save, 0.3), (self.clear, 1), (self.tune, 0.5)]
        gc.disable()
        gc.collect()
        gc.freeze()
        self.stats_before = gc.get_stats()
        if self.random.random() < 0.5:
            self.tune()
        for _ in range(ops):
            full = len(self.alive) > self.size
            table = change + [(self.drop, 60 if full else 15)] + ([] if full else grow)
            self.random.choices([op for op, _ in table], [weight for _, weight in table])[0]()
            self.hear_deaths()
        self.say("thresholds 0 10 10")
        self.thresholds = (0, 10, 10)
        self.saving = False
        self.say("saveall 0")
        for _ in range(3):
            self.collect(2, "collect")


def play(replay, seeds, ops):
    """Whether all of them agree."""
    for seed in range(1, seeds + 1):
        reader = subprocess.Popen([replay], stdin=subprocess.PIPE)
        writer = subprocess.run([sys.executable, __file__, "--seed", str(seed), "--ops", str(ops)], stdout=reader.stdin)
        reader.stdin.close()
        if reader.wait() != 0 or writer.returncode != 0:
            print(f"replay with: cpython_trace.py --seed {seed} --ops {ops} | trace_replay", file=sys.stderr)
            return False
    print(f"{seeds} lives of {ops} operations, and heapd does what CPython {sys.version.split()[0]} does")
    return True


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--ops", type=int, default=2000)
    args.add_argument("--replay")
    args.add_argument("--seeds", type=int, default=24)
    given = args.parse_args()
    if not (3, 8) <= sys.version_info < (3, 14) or sys.implementation.name != "cpython":
        print("this interpreter collects by other rules")
        return SKIPPED
    if given.replay:
        return 0 if play(given.replay, given.seeds, given.ops) else 1
    Life(given.seed, sys.stdout).live(given.ops)
    return 0


if __name__ == "__main__":
    sys.exit(main())

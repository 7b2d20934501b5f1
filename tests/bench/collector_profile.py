"""
collector_profile.py - where the collector's time goes: tests/bench/collector --profile.

For each row of the collector's table that has an aim: what it takes, the instructions that it executes, how many of its reads
and writes miss a cache of 2 MiB, and which functions execute them. Both are counted by callgrind, over at most 200,000
objects, and are the same on a busy machine. Above stand the floors of this machine: what memory costs without heapd.
"""
import re
import shutil
from collections import namedtuple

import table
from peers import Failed, Row

COLUMNS = ("", "ns", "aim", "instructions", "misses of 2 MiB", "")
COUNT_MAX = 200_000  # callgrind takes a hundred times as long
CACHE = ("--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=2097152,16,64")
MISSES = ("DLmr", "DLmw")
TOP = 6
CLONE_SUFFIX = re.compile(r"(\.(part|constprop|isra|lto_priv|cold)\.?\d*)+")

# `phase` is the function of collector_work that does it, `does` how often for each of its objects; the objects are as many
# as in the table, which for some rows is the number of all divided by `shrink`.
Work = namedtuple("Work", "what work order phase does key aim shrink", defaults=[1])
WORKS = (
    Work("create a record", "graph", "creation", "create_all", 1, "create_ns", "9 ns"),
    Work("link to a random record", "graph", "creation", "link_all", 2, "link_ns", "40 ns"),
    Work("look up a random id", "graph", "random", "look_up_all", 1, "lookup_ns", "22 ns"),
    Work("full collection, nothing dead, creation order", "graph", "creation", "collect_full", 3, "full_ms", "14 times"),
    Work("full collection, nothing dead, random order", "graph", "random", "collect_full", 3, "full_ms", "75 times"),
    Work("the whole graph dead, random order", "graph", "random", "bring_down", 1, "dead_ms", "350 times"),
    Work("a chain dropped, creation order", "chain", "creation", "run_all", 1, "chain_ns", "5 ns"),
    Work("a chain dropped, random order", "chain", "random", "run_all", 1, "chain_ns", "170 ns"),
    Work("young sets of 2,000: live", "young", "", "collect_live", 1, "live_ns", "13 ns", 10),
    Work("  dead", "young", "", "collect_dead", 1, "dead_ns", "8.5 ns", 10),
    Work("a cyclic pair, made and dropped", "pairs", "", "make_pairs", 3, "pair_ns", "4.5 times", 10),
)

Profile = namedtuple("Profile", "instructions misses top")


def events_of(text):
    """Of what callgrind wrote: the names of its events, and by function what it did itself."""
    names, own, called, here = [], {}, {}, None
    skip = False
    for line in text.splitlines():
        if line.startswith("events:"):
            names = line.split()[1:]
        elif line.startswith("fn="):
            number, _, name = line[3:].partition(" ")
            called.setdefault(number, name)
            here = CLONE_SUFFIX.sub("", called[number]).split("'")[0]
        elif line.startswith("cfn="):
            number, _, name = line[4:].partition(" ")
            if name:
                called.setdefault(number, name)
        elif line.startswith("calls="):
            skip = True  # the next line is what the called function did
        elif here is not None and re.match(r"[+\-*\d]", line):
            if not skip:
                counts = [int(n) for n in line.split()[1:]]
                own[here] = [a + b for a, b in zip(own.get(here, [0] * len(names)), counts + [0] * len(names))]
            skip = False
    return names, own


def profile(place, work, count):
    out = place.folder / f"profile-{work.work}-{work.order}-{work.phase}"
    place.run(place.client_core, "valgrind", "--tool=callgrind", *CACHE, f"--callgrind-out-file={out}",
              f"--toggle-collect={work.phase}*", place.built("collector_work"), work.work, count, work.order)
    names, own = events_of(out.read_text())
    if not own:
        raise Failed(f"callgrind saw nothing of {work.phase}")
    sums = dict(zip(names, map(sum, zip(*own.values()))))
    each = count * work.does
    by_size = sorted(((counts[0] / each, name) for name, counts in own.items()), reverse=True)
    return Profile(sums["Ir"] / each, sum(sums[m] for m in MISSES) / each, by_size[:TOP])


def nanoseconds(said, work, count):
    return said[work.key] * 1e6 / count if work.key.endswith("_ms") else said[work.key]


def row_of(place, work, ns):
    table.progress(work.what.strip())
    p = profile(place, work, min(place.objects, COUNT_MAX))
    note = ", ".join(f"{name} {n:.0f}" for n, name in p.top if n >= 1)
    return Row(work.what, f"{ns:.1f}", work.aim, p.instructions, f"{p.misses:.2f}", note=note,
               measured={"ns": ns, "instructions": p.instructions, "misses": p.misses})


def floor_rows(place):
    said = place.program("memory_probe", place.objects)
    for what, name in (("floor: a record's share of fresh pages from the system", "page_ns"),
                       ("  add one to a random cell of 20 bytes, known beforehand", "scatter_ns"),
                       ("  go from a random cell to the next one it names", "chase_ns")):
        yield Row(what, f"{said[name]:.1f}", measured=said)


def rows(place):
    if shutil.which("valgrind") is None:
        raise Failed("valgrind is missing: apt install valgrind")
    table.progress("times")
    said = {at: place.program("collector_work", at[0], place.objects // at[2], at[1]) for at in {
        (w.work, w.order, w.shrink) for w in WORKS}}
    return [*floor_rows(place),
            *(row_of(place, w, nanoseconds(said[w.work, w.order, w.shrink], w, place.objects // w.shrink)) for w in WORKS)]

"""
introspection_export.py - a snapshot as a .heapsnapshot: heapd's over HTTP, and Node's own.

The graph is one: a Node program makes it, V8 writes its snapshot, and heapctl imports that, so heapd has each of its nodes and
links too. Then both write in turn. V8 takes a snapshot and writes it in one call; heapd's is taken first and fetched by curl.
"""
import re
import time
from pathlib import Path

from introspection_load import Talker
from peers import Failed, Heapd, Row, in_turn, median

OBJECTS, OBJECTS_QUICK = 300_000, 20_000
TIMES_MIN = 3
TAIL_BYTES = 100


class Node(Talker):
    """introspection_export.mjs on the core of servers."""

    def __init__(self, place, objects, file):
        super().__init__(place, "node", "--max-old-space-size=4096", Path(__file__).with_name("introspection_export.mjs"), objects,
                         file, core=place.server_core)
        self.hears()

    def writes(self):
        return self.says("write")


def size_of(file):
    """Nodes and edges, of a whole file."""
    with open(file, "rb") as f:
        head = f.read(1 << 16).decode(errors="replace")
        f.seek(-TAIL_BYTES, 2)
        tail = f.read().decode(errors="replace")
    if not tail.rstrip().endswith("]}"):
        raise Failed(f"{file} is cut short")
    return tuple(int(re.search(rf'"{what}_count":(\d+)', head)[1]) for what in ("node", "edge"))


def heapd_writes(place, heapd, file):
    began, cpu = time.monotonic(), heapd.loop_seconds()
    n = heapd.ask("POST", "/v1/snapshots")["n"]
    taken, taken_cpu = time.monotonic(), heapd.loop_seconds()
    place.client("curl", "-sf", "-o", file, f"{heapd.url}/v1/snapshots/{n}?format=heapsnapshot")
    said = {"take_ms": (taken - began) * 1e3, "write_ms": (time.monotonic() - taken) * 1e3, "take_cpu_ms": (taken_cpu - cpu) * 1e3,
            "write_cpu_ms": (heapd.loop_seconds() - taken_cpu) * 1e3}
    heapd.ask("DELETE", f"/v1/snapshots/{n}")
    return said | {"whole_ms": said["take_ms"] + said["write_ms"]}


def row(what, key, ours, theirs, sizes, beside, note):
    parts = [nodes + edges for nodes, edges in sizes]
    rates = [[count / said[key] / 1e3 for said in side] for count, side in zip(parts, (ours, theirs))]
    times = median(a / b for a, b in zip(*rates))
    return Row(what, f"{median(rates[0]):.1f} M/s", f"{beside} {median(rates[1]):.1f} M/s", times, f"at least {TIMES_MIN}", times >= TIMES_MIN,
               note=f"nodes and edges a second; {note}; {len(ours)} pairs, ratios {', '.join(f'{a / b:.1f}' for a, b in zip(*rates))}",
               measured={"heapd": ours, "node": theirs, "sizes": sizes})


def rows(place):
    theirs_file, ours_file = place.folder / "node.heapsnapshot", place.folder / "heapd.heapsnapshot"
    with Heapd(place) as heapd, Node(place, place.size(OBJECTS, OBJECTS_QUICK), theirs_file) as node:
        node.writes()
        place.client(place.build / "client/heapctl", "--url", heapd.url, "import", theirs_file, "--root", "node")
        ours, theirs = in_turn(place.size(5, 2), lambda: heapd_writes(place, heapd, ours_file), node.writes)
        sizes = [size_of(file) for file in (ours_file, theirs_file)]
    of = ", ".join(f"{nodes:,} nodes and {edges:,} edges" for nodes, edges in sizes)
    return [row("heapsnapshot, written", "write_ms", ours, theirs, sizes, "Node, reading getHeapSnapshot()",
                f"{of}; {median(s['write_ms'] for s in ours):.0f} ms, of them {median(s['write_cpu_ms'] for s in ours):.0f} of CPU on the "
                f"loop, and {median(s['write_ms'] for s in theirs):.0f} ms"),
            row("  taken and written", "whole_ms", ours, theirs, sizes, "writeHeapSnapshot()",
                f"{median(s['whole_ms'] for s in ours):.0f} and {median(s['whole_ms'] for s in theirs):,.0f} ms; V8 stands still "
                f"meanwhile, and heapd serves")]

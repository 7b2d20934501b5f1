"""
introspection_dominators.py - the dominator tree of one graph: heapd's, Chrome DevTools' and memlab's.

Each program finds immediate dominators and retained sizes of the same graph three times, in its own process, on the same
core, and the least CPU time counts: the first round has to get memory, and V8 to compile. Reading the file is not in it.
What is retained, added up over all nodes, must be the same: else the trees differ, and no time says anything.
"""
import json
from pathlib import Path

from peers import Failed, Row

NODES, LINKS = 700_000, 3_800_000
NODES_QUICK, LINKS_QUICK = 70_000, 380_000
PEERS = {"toolkit": ("DevTools (heap-snapshot-toolkit)", 1), "memlab": ("memlab", 5)}  # and how many times faster we must be


def theirs(place, program, file):
    script = Path(__file__).with_name("introspection_node.mjs")
    modules = place.build.parent / "build-npm"
    return json.loads(place.client("node", "--max-old-space-size=4096", script, program, modules, file))


def peer_row(place, program, file, ours):
    name, bar = PEERS[program]
    said = theirs(place, program, file)
    if said["retained_sum"] != ours["retained_sum"]:
        raise Failed(f"{name} finds another tree: {said['retained_sum']:,} bytes retained by all, and we {ours['retained_sum']:,}")
    times = min(said["ms"]) / min(ours["ms"])
    return Row(f"dominators, {ours['nodes']:,} nodes, {ours['links']:,} links", f"{min(ours['ms']):.0f} ms",
               f"{name}: {min(said['ms']):.0f} ms", times, f">= {bar}", times >= bar,
               measured={"heapd": ours, program: said})


def rows(place):
    file = place.folder / "graph.heapsnapshot"
    ours = place.program("dominators_probe", place.size(NODES, NODES_QUICK), place.size(LINKS, LINKS_QUICK), file)
    memory = Row("  bytes a node, meanwhile and afterwards", f"{ours['bytes_meanwhile'] / ours['nodes']:.0f}, "
                 f"{ours['bytes'] / ours['nodes']:.0f}", measured=ours)
    return [*(peer_row(place, program, file, ours) for program in PEERS), memory]

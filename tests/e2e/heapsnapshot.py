"""
heapsnapshot.py - a strict reader of V8's .heapsnapshot: as strict as the strictest of those that read it.

Members come in one order and no others do; arrays are flat runs of plain decimal numbers below 2^32, without sign, point or
exponent; every number that names something names something there; ids are distinct.
"""
import json
import re
from itertools import islice

MEMBERS = ["snapshot", "nodes", "edges", "trace_function_infos", "trace_tree", "samples", "locations", "strings"]
NUMBERS = re.compile(r"\[(?:\d+(?:\s*,\s*\d+)*)?\s*\]")
TYPES = {"object", "synthetic"}                 # that we use: others mean something to readers
EDGES = {"element", "property", "weak"}         # the same


def no_twice(pairs):
    assert len({k for k, _ in pairs}) == len(pairs), [k for k, _ in pairs]
    return dict(pairs)


def numbers_of(text, member):
    """The array, as its letters: what a scanner of digits would see."""
    begin = text.index(f'"{member}":[') + len(member) + 3
    end = text.index("]", begin) + 1
    assert NUMBERS.fullmatch(text[begin:end]), f"{member}: not an array of plain numbers"
    return text[begin:end]


class Node:
    def __init__(self, kind, name, number, size):
        self.kind, self.name, self.id, self.size = kind, name, number, size
        self.edges = []                         # (type, name or index, Node)


class HeapSnapshot:
    def __init__(self, raw):
        text = raw.decode("utf-8")
        doc = json.loads(text, object_pairs_hook=no_twice)
        assert list(doc) == MEMBERS, list(doc)
        for member in ("nodes", "edges"):
            numbers_of(text, member)
        for member in MEMBERS[3:7]:
            assert doc[member] == [], member
        assert all(isinstance(s, str) for s in doc["strings"])
        self.head, self.strings = doc["snapshot"], doc["strings"]
        self.meta = self.head["meta"]
        self.read_nodes(doc["nodes"])
        self.read_edges(doc["edges"])

    def read_nodes(self, flat):
        fields = self.meta["node_fields"]
        assert fields[:5] == ["type", "name", "id", "self_size", "edge_count"] and len(self.meta["node_types"]) == len(fields)
        self.width = len(fields)
        assert len(flat) == self.width * self.head["node_count"] and max(flat) < 2 ** 32
        kinds, self.nodes, self.counts = self.meta["node_types"][0], [], []
        for at in range(0, len(flat), self.width):
            kind, name, number, size, count = flat[at:at + 5]
            assert kinds[kind] in TYPES, kinds[kind]
            self.nodes.append(Node(kinds[kind], self.strings[name], number, size))
            self.counts.append(count)
        assert len({n.id for n in self.nodes}) == len(self.nodes), "two nodes have one id"
        assert all(n.id % 2 == (n.kind == "object") for n in self.nodes)

    def read_edges(self, flat):
        assert self.meta["edge_fields"] == ["type", "name_or_index", "to_node"]
        assert len(flat) == 3 * self.head["edge_count"] == 3 * sum(self.counts) and max(flat, default=0) < 2 ** 32
        kinds, rows = self.meta["edge_types"][0], zip(flat[::3], flat[1::3], flat[2::3])
        for node, count in zip(self.nodes, self.counts):
            for kind, name, to in islice(rows, count):
                assert kinds[kind] in EDGES and to % self.width == 0, (kinds[kind], to)
                node.edges.append((kinds[kind], name if kinds[kind] == "element" else self.strings[name], self.nodes[to // self.width]))

    def objects(self):
        return [n for n in self.nodes if n.kind == "object"]

    def below(self, name):
        """The node of that name right below the outside."""
        found = [to for _, _, to in self.nodes[0].edges if to.name == name]
        assert len(found) == 1, name
        return found[0]

"""test_heapctl_import.py - V8 heap snapshots and the packages of a Debian machine as graphs."""
import gzip
import json
import unittest
from collections import Counter

from heapd_test import ROOT
from test_heapctl import HeapctlTest

NODE20 = ROOT / "tests/data/node20.heapsnapshot.gz"
NODE_FIELDS = ["type", "name", "id", "self_size", "edge_count"]
NODE_TYPES = ["hidden", "array", "string", "object", "synthetic"]
EDGE_TYPES = ["context", "element", "property", "internal", "hidden", "shortcut", "weak"]


class Snapshot:
    """A snapshot made by hand: nodes (type, name, edges), edges (type, name, target)."""

    def __init__(self, nodes, node_fields=NODE_FIELDS, **extra):
        strings, flat, edges = [], [], []

        def string(s):
            if s not in strings:
                strings.append(s)
            return strings.index(s)
        for n, (kind, name, out) in enumerate(nodes):
            row = {"type": NODE_TYPES.index(kind) if isinstance(kind, str) else kind, "name": string(name), "id": 2 * n + 1, "self_size": 100 + n,
                   "edge_count": len(out)}
            flat += [row.get(f, n % 3) for f in node_fields]
            for kind_, name_, to in out:
                edges += [EDGE_TYPES.index(kind_), name_ if kind_ in ("element", "hidden") else string(name_), to * len(node_fields)]
        self.json = {"snapshot": {"meta": {"node_fields": node_fields, "node_types": [NODE_TYPES if f == "type" else "number" for f in node_fields],
                                           "edge_fields": ["type", "name_or_index", "to_node"], "edge_types": [EDGE_TYPES, "string_or_number", "node"]},
                                  "node_count": len(nodes), "edge_count": len(edges) // 3}, "nodes": flat, "edges": edges, **extra, "strings": strings}

    def text(self):
        return json.dumps(self.json)


class HeapSnapshots(HeapctlTest):
    def load(self, snapshot, name="x.heapsnapshot", root="snap"):
        return self.ctl_json("import", self.file(name, snapshot if isinstance(snapshot, (str, bytes)) else snapshot.text()), "--root", root)

    def rooted(self, name="snap"):
        return self.doc(self.ok(self.c.get(f"/v1/roots/{name}"))["$ref"])

    def test_a_real_snapshot_comes_in_whole_and_goes_again(self):
        totals = self.ctl_json("import", NODE20, "--root", "node")
        data = json.loads(gzip.decompress(NODE20.read_bytes()))
        meta, edges = data["snapshot"]["meta"], data["edges"]
        width = len(meta["node_fields"])
        types = Counter(meta["edge_types"][0][t] for t in edges[::3])
        nodes = len(data["nodes"]) // width
        self.assertEqual(totals["nodes"], nodes)
        self.assertEqual(totals["weak_links"], types["weak"])
        self.assertEqual(totals["strong_links"], sum(types.values()) - types["weak"])
        self.assertEqual(totals["bytes"], sum(data["nodes"][meta["node_fields"].index("self_size")::width]))
        self.assertEqual(totals["batches"], 1)
        self.ok(self.c.post("/v1/gc/collect"))
        heap = self.heap()
        self.assertEqual((heap["objects"], heap["links"]), (totals["objects"], totals["strong_links"] + (totals["objects"] > nodes)))
        self.unroot("node")
        if totals["unreached"]:
            self.unroot("node%2Funreached")
        self.ok(self.c.post("/v1/gc/collect"))
        self.assertEqual(self.heap()["objects"], 0)

    def test_every_edge_becomes_a_link_of_its_kind_and_name(self):
        self.load(Snapshot([("synthetic", "", [("element", 1, 1), ("shortcut", "x", 1), ("property", "x", 1), ("weak", "x", 2), ("property", "", 0)]),
                            ("object", "A", [("property", "next", 2), ("property", "$d", 0), ("hidden", 7, 2), ("property", "7", 2)]),
                            ("string", "text", [("internal", "self_size", 1)])]))
        top = self.rooted()
        a = self.doc(top["fields"]["1"]["$ref"])
        b = self.doc(a["fields"]["next"]["$ref"])
        self.assertEqual((top["class"], a["class"], b["class"]), ("synthetic", "A", "text"))
        self.assertEqual(top["fields"], {"self_size": 100, "v8_type": "synthetic", "v8_id": 1, "1": {"$ref": a["id"]}, "x": {"$ref": a["id"]},
                                         "x#2": {"$ref": a["id"]}, "x#3": {"$weak": b["id"]}, "property": {"$ref": top["id"]}})
        self.assertEqual(a["fields"], {"self_size": 101, "v8_type": "object", "v8_id": 3, "next": {"$ref": b["id"]}, "$$d": {"$ref": top["id"]},
                                       "7": {"$ref": b["id"]}, "7#2": {"$ref": b["id"]}})
        self.assertEqual((b["fields"]["self_size"], b["fields"]["self_size#2"]), (102, {"$ref": a["id"]}))

    def test_names_that_the_daemon_would_not_take(self):
        long = "ü" * 200
        names = [long + "a", long + "b", "nul\0", "\ud800", "\udc00x", "grüße \U0001f600"]
        self.load(Snapshot([("object", "top", [("property", n, k + 1) for k, n in enumerate(names)])] + [("object", n, []) for n in names]))
        fields = {k: v for k, v in self.rooted()["fields"].items() if isinstance(v, dict)}
        self.assertEqual(len(fields), len(names))
        for (field, link), name in zip(fields.items(), names):
            doc = self.doc(link["$ref"])
            self.assertEqual(doc["class"], field)
            self.assertLessEqual(len(field.encode()), 255)
            if name.startswith(long):
                self.assertEqual(doc["fields"]["v8_name"], name)
        self.assertEqual(list(fields)[2:], ["nul\\u0000", "\\ud800", "\\udc00x", "grüße \U0001f600"])

    def test_a_meta_with_more_fields_and_types_is_read(self):
        fields = ["trace_node_id", "edge_count", "self_size", "new_field", "id", "name", "type"]
        self.load(Snapshot([("object", "A", [("property", "a", 1)]), (99, "", []), ("object", "C", [])], fields, samples=[1, [{"x": "]"}]], trace_tree={}))
        doc = self.doc(self.rooted()["fields"]["a"]["$ref"])
        self.assertEqual((doc["class"], doc["fields"]["v8_new_field"], doc["fields"]["v8_trace_node_id"]), ("unknown", 1, 1))

    def test_what_nothing_reaches_is_kept_by_a_list(self):
        totals = self.load(Snapshot([("object", "top", [("weak", "w", 1)]), ("object", "lost", [("property", "to", 2)]), ("object", "loop", [("property", "to", 3)]),
                                     ("object", "pool", [("property", "to", 2)]), ("object", "alone", [])]))
        self.assertEqual((totals["unreached"], totals["objects"]), (4, 6))
        entries = [self.doc(x["$ref"])["class"] for x in self.rooted("snap%2Funreached")["items"]]
        self.assertEqual(entries, ["lost", "alone"])
        self.ok(self.c.post("/v1/gc/collect"))
        self.assertEqual(self.heap()["objects"], 6)

    def test_a_node_of_many_edges(self):
        count = 3000
        totals = self.load(Snapshot([("object", "top", [("element", n, n % 7) for n in range(count)] + [("property", "same", 3)] * count)] +
                                    [("object", f"n{n}", []) for n in range(6)]))
        self.assertEqual(totals["strong_links"], 2 * count)
        self.ok(self.c.post("/v1/gc/collect"))
        self.assertEqual(self.heap()["links"], 2 * count)
        self.assertEqual(len(self.pages(f"/v1/objects/{self.rooted()['id']}/referents")), 7)

    def test_malformed_files_are_refused_and_leave_nothing(self):
        good = Snapshot([("object", "A", [("property", "a", 1)]), ("object", "B", [])])
        text = good.text()

        def changed(**members):
            return json.dumps({**good.json, **members})

        def with_meta(**meta):
            return changed(snapshot={**good.json["snapshot"], "meta": {**good.json["snapshot"]["meta"], **meta}})
        for bad in ("", "{", "[]", "null", "{}", '{"snapshot":{}}', text[:-1], text[:-20], text[:len(text) // 2], text + "x", text.replace("]", "", 1),
                    text.replace('"B"', '"\\x"'), text.replace('"B"', '"\\u12"'), text.replace('"B"', "7"), changed(nodes=[1.5] * 10), changed(nodes=[-1] * 10),
                    changed(nodes=good.json["nodes"][:-1]), changed(nodes=good.json["nodes"][:5]), changed(nodes=[3, 99, 1, 1, 1, 3, 0, 1, 1, 0]),
                    changed(nodes=[3, 0, 1, 1, 2, 3, 0, 1, 1, 0]), changed(nodes=[3, 0, 1, 1, 0, 3, 0, 1, 1, 0]), changed(edges=[2, 0]), changed(edges=[2, 0, 3]),
                    changed(edges=[2, 0, 10]), changed(edges=[2, 9, 5]), changed(edges=[2, 0, 2**40]), changed(strings=[]), changed(strings={}),
                    with_meta(node_fields=["type", "name"]), with_meta(node_types=[]), with_meta(edge_fields=[]), with_meta(edge_types=7),
                    "{" + "[" * 5000, text.encode().replace(b'"B"', b'"\xff"')):
            self.refused(1, "import", self.file("bad.heapsnapshot", bad), "--root", "r")
        packed = gzip.compress(text.encode())
        for bad in (packed[:-9], packed[:20], packed[:30] + b"\0\0\0" + packed[33:]):
            self.refused(1, "import", self.file("bad.heapsnapshot.gz", bad), "--root", "r")
        self.refused(1, "import", self.folder / "absent.heapsnapshot", "--root", "r")
        self.assertEqual(self.heap()["objects"], 0)

    def test_a_refused_import_leaves_nothing(self):
        nodes = Snapshot([("object", "A", [])]).text()
        self.refused(2, "import", self.file("x.heapsnapshot", nodes), "--root", "r" * 256)
        self.refused(1, "import", self.file("x.heapsnapshot", nodes), "--root", "r", HEAPD_URL="http://127.0.0.1:1")


STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Section: libs
Installed-Size: 12986
Version: 2.36-9
Depends: libgcc-s1, libcrypt1 (>= 1:4.4.10-10~)
Recommends: libidn2-0 (>= 2.0.5~)
Description: GNU C Library
 with a second line
 .
 and a third

Package: libgcc-s1
Status: install ok installed
Architecture: amd64
Version: 12.2.0-14
Pre-Depends: libc6:any (>= 2.35)
Provides: libgcc1 (= 1:12.2.0-14), c-shared-lib

Package: shell
Architecture: all
Version: 1
Depends: mail-reader | libc6 [linux-any], c-shared-lib,
 libgcc-s1 | nothing, mail-reader | libc6

Package: libc6
Architecture: i386
Version: 2.36-9
Depends: libgcc-s1:i386 | libgcc-s1
"""


class Packages(HeapctlTest):
    def test_a_status_file_becomes_a_graph(self):
        totals = self.ctl_json("import", "--dpkg", self.file("status", STATUS), "--root", "dpkg")
        self.assertEqual({k: totals[k] for k in ("packages", "virtual", "missing", "alternatives", "batches")},
                         {"packages": 4, "virtual": 2, "missing": 4, "alternatives": 3, "batches": 1})
        index = self.doc(self.ok(self.c.get("/v1/roots/dpkg"))["$ref"])["fields"]
        self.assertEqual(list(index), ["libc6", "libgcc-s1", "shell", "libc6:i386"])
        libc, libgcc, shell, foreign = (self.doc(x["$ref"]) for x in index.values())

        def members(doc, field):
            return [self.doc(x["$ref"]) for x in self.doc(doc["fields"][field]["$ref"])["items"]]

        def names(doc, field):
            return [(x["class"], x["fields"]["name"]) for x in members(doc, field)]
        self.assertEqual({k: libc["fields"][k] for k in ("name", "version", "status", "section", "installed_size")},
                         {"name": "libc6", "version": "2.36-9", "status": "install ok installed", "section": "libs", "installed_size": 12986})
        self.assertEqual(names(libc, "depends"), [("Package", "libgcc-s1"), ("Missing", "libcrypt1")])
        self.assertEqual(members(libgcc, "pre_depends")[0]["id"], libc["id"])                 # a real cycle
        self.assertEqual(names(libgcc, "provides"), [("Virtual", "libgcc1"), ("Virtual", "c-shared-lib")])
        self.assertEqual([x["id"] for x in members(members(libgcc, "provides")[1], "providers")], [libgcc["id"]])
        self.assertEqual(names(libc, "recommends"), [("Missing", "libidn2-0")])
        self.assertEqual(names(shell, "depends"), [("Alternatives", "mail-reader | libc6"), ("Virtual", "c-shared-lib"), ("Alternatives", "libgcc-s1 | nothing"),
                                                   ("Alternatives", "mail-reader | libc6")])
        first, _, _, last = members(shell, "depends")
        self.assertEqual(first["id"], last["id"])
        self.assertEqual(names(first, "choices"), [("Missing", "mail-reader"), ("Package", "libc6")])
        self.assertEqual(members(first, "choices")[1]["id"], libc["id"])
        self.assertEqual(foreign["fields"]["architecture"], "i386")
        self.ok(self.c.post("/v1/gc/collect"))
        heap = self.heap()
        self.assertEqual((heap["objects"], heap["links"]), (totals["objects"], totals["strong_links"]))
        self.unroot("dpkg")
        self.ok(self.c.post("/v1/gc/collect"))
        self.assertEqual(self.heap()["objects"], 0)

    def test_what_is_no_status_file_is_refused(self):
        for bad in ("", "no colon here\n", " goes on\n", "Version: 1\n", "Package: \n", b"Package: \xff\n"):
            self.refused(1, "import", "--dpkg", self.file("status", bad), "--root", "r")
        self.refused(2, "import", "--dpkg", self.file("status", STATUS))
        self.assertEqual(self.heap()["objects"], 0)


if __name__ == "__main__":
    unittest.main()

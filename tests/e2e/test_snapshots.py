"""
test_snapshots.py - snapshots: taken while others write, written as heapsnapshot and ndjson, compared, deleted.
"""
import gzip
import json
import threading
import unittest
from collections import Counter

from heapd_test import Client, HeapdTest, eventually, request
from heapsnapshot import HeapSnapshot
from test_heapctl import HeapctlTest
from test_heapctl_import import NODE20


class Snapshots(HeapdTest):
    fresh = True

    def take(self, client=None):
        return self.ok((client or self.c).post("/v1/snapshots"), 201)

    def raw(self, n, format):
        said = self.c.get(f"/v1/snapshots/{n}?format={format}")
        self.assertEqual(said.status, 200, said.raw[:300])
        return said.raw

    def lines(self, n):
        return [json.loads(line) for line in self.raw(n, "ndjson").splitlines()]

    def parsed(self, n):
        return HeapSnapshot(self.raw(n, "heapsnapshot"))


class Shapes(Snapshots):
    """What there is, and how it is written."""

    def some_of_all(self):
        _, worker = self.session(label="worker-7")
        leaf = self.new({"n": 1}, "Leaf")
        both = self.new({"left": {"$ref": leaf}, "right": {"$ref": leaf}, "shy": {"$weak": leaf}, "$$odd": {"$ref": leaf}}, "Both")
        items = self.new(items=[1, {"$ref": both}, {"$weak": leaf}, {"$ref": leaf}], kind="Items", client=worker)
        raw = self.ok(self.c.post("/v1/objects?class=Raw&root=raw", b"x" * 5000, {"Content-Type": "application/octet-stream"}), 201)["id"]
        self.root("a root, \"quoted\"", items)
        return leaf, both, items, raw

    def test_every_object_link_and_holder_is_in_it(self):
        leaf, both, items, raw = self.some_of_all()
        s = self.parsed(self.take()["n"])
        by_class = {n.name: n for n in s.objects()}
        self.assertEqual(set(by_class), {"Leaf", "Both", "Items", "Raw"})
        for name, i in zip(("Leaf", "Both", "Items", "Raw"), (leaf, both, items, raw)):
            self.assertEqual(by_class[name].size, self.doc(i)["bytes"])

        def edges(node):
            return [(kind, name, to.name) for kind, name, to in node.edges]
        self.assertEqual(edges(by_class["Both"]), [("property", "left", "Leaf"), ("property", "right", "Leaf"), ("property", "$odd", "Leaf"), ("weak", "shy", "Leaf")])
        self.assertEqual(edges(by_class["Items"]), [("element", 1, "Both"), ("element", 3, "Leaf"), ("weak", "[2]", "Leaf")])
        self.assertEqual(sorted(edges(s.below("(Named roots)"))), [("property", "a root, \"quoted\"", "Items"), ("property", "raw", "Raw")])
        sessions = {to.name: sorted(e[2].name for e in to.edges) for _, _, to in s.below("(Sessions)").edges}
        self.assertEqual(sessions, {"session 0 default": ["Both", "Leaf"], "session 1 worker-7": ["Items"]})

    def test_ndjson_has_an_object_a_line(self):
        leaf, both, items, raw = self.some_of_all()
        lines = {x["id"]: x for x in self.lines(self.take()["n"])}
        self.assertEqual(set(lines), {leaf, both, items, raw})
        self.assertEqual(lines[both], {"id": both, "class": "Both", "size": self.doc(both)["bytes"],
                                       "links": [["left", leaf], ["right", leaf], ["$odd", leaf]], "weak": [["shy", leaf]]})
        self.assertEqual((lines[items]["links"], lines[items]["weak"]), ([[1, both], [3, leaf]], [[2, leaf]]))
        self.assertEqual((lines[raw]["links"], "weak" in lines[raw], lines[raw]["size"]), ([], False, self.doc(raw)["bytes"]))

    def test_site_and_class_may_be_anything(self):
        names = ["grüße \U0001f600", "a\"b\\c\nd", "\u2028", "x" * 255]
        for n in names:
            self.ok(self.client(**{"Heapd-Site": "app.py:17"}).post("/v1/objects", {"class": n, "fields": {n: {"$ref": self.new(kind=n)}}}), 201)
        s = self.parsed(self.take()["n"])
        self.assertEqual(Counter(n.name for n in s.objects()), {n: 2 for n in names})
        self.assertEqual({e[1] for n in s.objects() for e in n.edges}, set(names))
        self.assertEqual(Counter(x.get("site") for x in self.lines(1)), {None: 4, "app.py:17": 4})

    def test_an_empty_heap_has_a_snapshot_too(self):
        said = self.take()
        self.assertEqual({said[k] for k in ("objects", "links", "bytes")}, {0})
        self.assertEqual((len(self.parsed(1).nodes), self.lines(1)), (5, []))

    def test_large_objects_are_whole(self):
        hub = self.new(items=[])
        leaf = self.new()
        wide = self.new(kind="Wide")
        self.done(*[["push", hub, {"$ref": leaf}] for _ in range(30000)], *[["set", wide, f"f{i}", {"$ref": leaf}] for i in range(5000)])
        self.take()
        lines = {x["id"]: x for x in self.lines(1)}
        self.assertEqual(lines[hub]["links"], [[i, leaf] for i in range(30000)])
        self.assertEqual(sorted(lines[wide]["links"]), sorted([f"f{i}", leaf] for i in range(5000)))
        self.assertEqual(len({x[1] for n in self.parsed(1).objects() for x in n.edges if x[0] == "property"}), 5000)

    def test_summaries_and_pages(self):
        self.new()
        said = self.take()
        self.assertEqual((said["n"], said["objects"], said["bytes"]), (1, 1, self.heap()["bytes"]["live"]))
        self.new()
        self.take()
        pages = self.pages("/v1/snapshots", 1)
        self.assertEqual([(x["n"], x["objects"]) for x in pages], [(1, 1), (2, 2)])
        again = self.ok(self.c.get("/v1/snapshots/2"))
        self.assertGreaterEqual(again["age_ms"], pages[1]["age_ms"])
        self.assertEqual({**again, "age_ms": 0}, {**pages[1], "age_ms": 0})
        self.assertEqual(self.c.head("/v1/snapshots/2?format=heapsnapshot").status, 200)


class Refusals(Snapshots):
    def test_unknown_numbers_and_formats(self):
        self.take()
        for path in ("/v1/snapshots/2", "/v1/snapshots/0", "/v1/snapshots/x", "/v1/snapshots/1/diff/7", "/v1/snapshots/7/diff/1",
                     "/v1/snapshots/99999999999999999999?format=ndjson", "/v1/heap/classes?since=2"):
            self.problem(self.c.get(path), 404, "no-such-name")
        self.problem(self.c.delete("/v1/snapshots/2"), 404, "no-such-name")
        for format in ("", "gexf", "HEAPSNAPSHOT"):
            self.problem(self.c.get(f"/v1/snapshots/1?format={format}"), 422, "bad-value")
        self.problem(self.c.get("/v1/snapshots/1/diff/1?limit=0"), 422, "bad-value")
        self.problem(self.c.put("/v1/snapshots/1"), 405)

    def test_there_are_so_many_and_no_more(self):
        for n in range(4):
            self.take()
        said = self.problem(self.c.post("/v1/snapshots"), 429, "too-many")
        self.assertEqual(said["limit"], {"name": "snapshots_max", "value": 4})
        self.assertEqual(self.ok(self.c.delete("/v1/snapshots/2")), {})
        self.assertEqual(self.take()["n"], 5)                           # numbers are not used again
        self.problem(self.c.get("/v1/snapshots/2"), 404, "no-such-name")
        self.ok(self.c.patch("/v1/config", {"snapshots_max": 5}))
        self.assertEqual(self.take()["n"], 6)

    def test_memory_comes_back(self):
        self.fill(20000)
        before = self.heap()["bytes"]
        self.take()
        taken = self.heap()["bytes"]
        self.assertGreater(taken["snapshots"], 20000 * 24)
        self.assertEqual(taken["accounted"] - before["accounted"], taken["snapshots"] + taken["other"] - before["other"])
        self.ok(self.c.delete("/v1/snapshots/1"))
        self.assertTrue(eventually(lambda: self.heap()["bytes"]["snapshots"] == 0))

    def fill(self, count):
        hub = self.new(items=[])
        for _ in range(0, count, 2000):
            self.done(*[line for i in range(2000) for line in (["new", "Filler", {"n": i}], ["push", hub, {"$ref": f"@{2 * i}"}])])
        return hub

    def test_a_full_heap_refuses_and_nothing_is_left_behind(self):
        self.fill(30000)
        bytes = self.heap()["bytes"]
        self.ok(self.c.patch("/v1/config", {"memory_bytes_max": bytes["counted"] + 300000}))
        said = self.problem(self.c.post("/v1/snapshots"), 507, "heap-full")
        self.assertEqual(said["limit"]["name"], "memory_bytes_max")
        self.assertTrue(eventually(lambda: self.heap()["bytes"]["snapshots"] == 0))
        self.assertEqual(self.heap()["snapshots"], 0)
        self.assertEqual(self.ok(self.c.get("/v1/snapshots"))["items"], [])
        self.ok(self.c.patch("/v1/config", {"memory_bytes_max": 0}))
        self.assertEqual(self.take()["objects"], 30001)

    def test_a_full_heap_can_still_be_looked_at(self):
        self.fill(30000)
        self.take()
        whole = self.raw(1, "heapsnapshot")
        self.ok(self.c.patch("/v1/config", {"memory_bytes_max": self.heap()["bytes"]["counted"] // 2}))
        self.assertEqual(self.raw(1, "heapsnapshot"), whole)
        self.assertEqual(len(self.lines(1)), 30001)
        self.ok(self.c.get("/v1/snapshots/1/diff/1"))
        self.ok(self.c.delete("/v1/snapshots/1"))

    def test_who_reads_one_that_is_deleted_reads_on(self):
        self.fill(60000)
        self.take()
        whole = self.raw(1, "ndjson")
        reader = self.wire()
        reader.send(request(self.daemon, "GET", "/v1/snapshots/1?format=ndjson"))
        said = reader.response()
        self.assertEqual(self.ok(self.c.delete("/v1/snapshots/1")), {})
        self.problem(self.c.get("/v1/snapshots/1"), 404, "no-such-name")
        self.assertEqual(said.read(), whole)
        self.assertTrue(eventually(lambda: self.heap()["snapshots"] == 0))

    def test_a_download_that_is_cut_lets_it_go(self):
        self.fill(60000)
        self.take()
        for _ in range(3):
            reader = self.wire()
            reader.send(request(self.daemon, "GET", "/v1/snapshots/1?format=heapsnapshot"))
            reader.response().read(1000)
            reader.close()
        self.assertTrue(eventually(lambda: self.ok(self.c.get("/v1/snapshots/1"))["readers"] == 0))
        self.ok(self.c.delete("/v1/snapshots/1"))
        self.assertTrue(eventually(lambda: self.heap()["bytes"]["snapshots"] == 0))

    def test_head_and_allow(self):
        self.take()
        self.assertEqual(self.c.head("/v1/snapshots/1?format=ndjson").status, 200)
        self.assertEqual(self.problem(self.c.put("/v1/snapshots"), 405)["status"], 405)
        self.assertEqual(set(self.c.request("OPTIONS", "/v1/snapshots/1").headers["allow"].split(", ")), {"GET", "HEAD", "DELETE", "OPTIONS"})


class Meanwhile(Snapshots):
    """Others write while one is taken: it is of one moment."""
    PAIRS = 300

    def setUp(self):
        super().setUp()
        self.over = threading.Event()
        self.wrong = []

    def run_beside(self, work):
        def go():
            c = Client(self.daemon)
            try:
                while not self.over.is_set():
                    work(c)
            except Exception as e:              # told when it is joined
                self.wrong.append(e)
            finally:
                c.close()
        t = threading.Thread(target=go)
        t.start()
        self.addCleanup(t.join)
        self.addCleanup(self.over.set)
        return t

    def moving(self):
        """A token moves from one end of a pair to the other, in one change; a list gets one item and loses another."""
        ends = [int(x["id"]) for x in self.done(*[["new", "End", {"token": None}] for _ in range(2 * self.PAIRS)], *[["hold", f"@{i}"] for i in range(2 * self.PAIRS)])[:2 * self.PAIRS]]
        token = self.new(kind="Token")
        for a in ends[::2]:
            self.link(a, "token", token)
        items = self.new(items=[{"$ref": token}] * 5000, kind="Items")

        def move(c):
            ops = []
            for a, b in zip(ends[::2], ends[1::2]):
                ops += [["set", a, "token", None], ["set", b, "token", {"$ref": token}]]
            ends[::2], ends[1::2] = ends[1::2], ends[::2]
            said = c.post("/v1/batch?atomic=true&reply=summary", "\n".join(map(json.dumps, ops)), {"Content-Type": "application/x-ndjson"})
            assert said.status == 200, said
            assert c.post("/v1/batch?atomic=true&reply=summary", "\n".join(map(json.dumps, [["push", items, {"$ref": token}]]))).status == 200
            assert c.delete(f"/v1/objects/{items}/items/17").status == 204
            garbage = c.post("/v1/objects", {"class": "Passing", "fields": {"to": {"$ref": token}}}).json["id"]
            c.delete(f"/v1/objects/{garbage}")
        return token, items, move

    def test_what_writers_keep_constant_is_constant(self):
        token, items, move = self.moving()
        fillers = [["new", "Filler", {"t": {"$ref": token}}] for _ in range(4000)] + [["hold", f"@{i}"] for i in range(4000)]
        for _ in range(5):
            self.done(*fillers)
        self.run_beside(move)
        for n in range(1, 9):
            self.take()
            lines = {x["id"]: x for x in self.lines(n)}
            links = Counter(x["class"] for x in lines.values() for _, to in x["links"] if to == token)
            self.assertEqual((links["End"], links["Filler"]), (self.PAIRS, 20000))
            self.assertIn(links["Items"], (5000, 5001))                 # between a push and a delete
            self.assertEqual(sorted(i for i, _ in lines[items]["links"]), list(range(links["Items"])))
            self.assertTrue(all(to in lines for x in lines.values() for _, to in x["links"]))
            self.ok(self.c.delete(f"/v1/snapshots/{n}"))
        self.assertEqual(self.wrong, [])

    def test_several_at_once_and_a_recount_take_turns(self):
        token, items, move = self.moving()
        self.run_beside(move)
        self.ok(self.c.patch("/v1/config", {"snapshots_max": 20}))
        said, threads = [], []

        def ask(path, status):
            c = Client(self.daemon)
            said.append((c.post(path), status))
            c.close()
        for i in range(12):
            threads.append(threading.Thread(target=ask, args=("/v1/snapshots", 201) if i % 3 else ("/v1/heap/validate", 200)))
            threads[-1].start()
        for t in threads:
            t.join()
        for answer, status in said:
            self.ok(answer, status)
        self.assertEqual([a.json["broken"] for a, s in said if s == 200], [[]] * 4)
        self.assertEqual(sorted(a.json["n"] for a, s in said if s == 201), list(range(1, 9)))
        self.assertEqual(self.wrong, [])


class Growth(Snapshots):
    def by(self, rows, *keys):
        return {tuple(r.get(k) for k in keys): (r["growth"].get("count", r["growth"].get("links")), r["growth"]["bytes"]) for r in rows}

    def test_a_diff_says_what_grew_by_class_site_and_holder(self):
        registry = self.new(items=[], kind="Registry")
        self.root("listeners", registry)
        gone = self.new(kind="Gone")
        self.take()
        self.drop(gone)
        _, worker = self.session(label="w")
        sited = self.client(**{"Heapd-Site": "app.py:9"})
        for _ in range(50):
            i = self.new({"owner": {"$ref": registry}}, "Listener", client=sited)
            self.ok(self.c.post(f"/v1/objects/{registry}/items", {"$ref": i}), 201)
            self.drop(i)
        held = self.new(kind="Held", client=worker)
        self.take()
        size, held_size = self.doc(self.doc(registry)["items"][0]["$ref"])["bytes"], self.doc(held)["bytes"]
        d = self.ok(self.c.get("/v1/snapshots/1/diff/2"))
        classes = self.by(d["classes"], "class")
        self.assertEqual(classes[("Listener",)], (50, 50 * size))
        self.assertEqual(classes[("Held",)], (1, held_size))
        self.assertEqual(classes[("Gone",)][0], -1)
        self.assertEqual(classes[("Registry",)][0], 0)                  # its storage grew
        self.assertEqual(d["classes"][0]["class"], "Listener")
        self.assertEqual(self.by(d["sites"], "site"), {("app.py:9",): (50, 50 * size)})
        holders = self.by(d["holders"], "root", "session", "class", "field", "item")
        self.assertEqual(holders[(None, None, "Registry", None, True)], (50, 50 * size))
        self.assertEqual(holders[(None, None, "Listener", "owner", None)][0], 50)
        self.assertEqual(holders[(None, 1, None, None, None)], (1, held_size))
        self.assertEqual(holders[(None, 0, None, None, None)][0], -1)   # Gone
        self.assertEqual(holders[("listeners", None, None, None, None)][0], 0)
        back = self.ok(self.c.get("/v1/snapshots/2/diff/1?limit=1000"))
        self.assertEqual(self.by(back["classes"], "class"), {k: (-a, -b) for k, (a, b) in classes.items()})
        self.assertEqual({k: -v for k, v in back["growth"].items()}, d["growth"])
        same = self.ok(self.c.get("/v1/snapshots/2/diff/2"))
        self.assertEqual((same["classes"], same["sites"], same["holders"], set(same["growth"].values())), ([], [], [], {0}))
        self.assertEqual(len(self.ok(self.c.get("/v1/snapshots/1/diff/2?limit=1"))["holders"]), 1)

    def test_classes_since_a_snapshot(self):
        first = self.new(kind="Old")
        self.take()
        news = [self.new(kind="New") for _ in range(7)]
        self.drop(first)
        rows = self.ok(self.c.get("/v1/heap/classes?since=1"))["items"]
        self.assertEqual([(r["class"], r["count"], r["count_growth"]) for r in rows], [("New", 7, 7), ("Old", 0, -1)])
        self.assertEqual(rows[0]["growth"], 7 * self.doc(news[0])["bytes"])
        rows = self.ok(self.c.get("/v1/heap/classes?since=1&sort=name&limit=1"))["items"]
        self.assertEqual([r["class"] for r in rows], ["New"])

    def test_sites_since_a_snapshot(self):
        make = lambda site: self.ok(self.c.post("/v1/objects", {"class": "N"}, {"Heapd-Site": site}), 201)["id"]
        gone, _ = make("old.py:1"), make("old.py:1")
        self.take()
        self.drop(gone)
        for _ in range(3):
            make("new.py:2")
        rows = {r["site"]: (r["count"], r["count_growth"]) for r in self.ok(self.c.get("/v1/heap/sites?since=1"))["items"]}
        self.assertEqual({s: n for s, n in rows.items() if s}, {"new.py:2": (3, 3), "old.py:1": (1, -1)})
        for wrong in ("7", "x", ""):
            self.problem(self.c.get(f"/v1/heap/sites?since={wrong}"), 404, "no-such-name")


class CommandLine(HeapctlTest):
    def test_snapshots_are_taken_listed_fetched_compared_and_deleted(self):
        node = self.new({"a": 1}, "Node")
        self.assertEqual(self.ctl_json("snapshot", "take")["n"], 1)
        other = self.new({"to": {"$ref": node}}, "Other")
        self.ctl("snapshot", "take")
        self.assertEqual([x["n"] for x in self.ctl_json("snapshot", "ls")["items"]], [1, 2])
        grown = self.ctl_json("snapshot", "diff", 1, 2)
        self.assertEqual([(r["class"], r["growth"]["count"]) for r in grown["classes"]], [("Other", 1)])
        self.assertIn("Other", self.ctl("snapshot", "diff", 1, 2))
        self.assertEqual(self.ctl_json("classes", "--since", 1)["items"][0]["class"], "Other")
        lines, chrome = self.folder / "x.ndjson", self.folder / "x.heapsnapshot"
        self.ctl("snapshot", "get", 2, lines)
        self.assertEqual([json.loads(x)["id"] for x in lines.read_text().splitlines()], [node, other])
        self.assertIn("bytes", self.ctl("snapshot", "get", 2, chrome))
        self.assertEqual({n.name for n in HeapSnapshot(chrome.read_bytes()).objects()}, {"Node", "Other"})
        self.ctl("snapshot", "get", 2, chrome, "--format", "ndjson")
        self.assertEqual(chrome.read_bytes(), lines.read_bytes())
        self.assertEqual(self.ctl("snapshot", "rm", 1), "")
        self.assertEqual([x["n"] for x in self.ctl_json("snapshot", "ls")["items"]], [2])

    def test_what_cannot_be_is_said_and_leaves_no_file(self):
        self.ctl("snapshot", "take")
        file = self.folder / "x"
        self.refused(1, "snapshot", "get", 7, file, says="no snapshot 7")
        self.refused(1, "snapshot", "get", 1, file, "--format", "gexf", says="gexf")
        self.refused(1, "snapshot", "rm", "1/diff/1", says="no snapshot")
        self.refused(1, "snapshot", "get", 1, self.folder / "none/x", says="cannot write")
        for words in ([], ["get", 1], ["ls", 1], ["rm"], ["diff", 1], ["lock"], ["ls", "--format", "ndjson"]):
            self.refused(2, "snapshot", *words)
        self.assertEqual(list(self.folder.iterdir()), [])


class Chrome(HeapctlTest):
    """A real heap of another program comes in, and goes out again as it was."""

    def test_a_snapshot_of_node_comes_out_as_it_went_in(self):
        self.ctl_json("import", NODE20, "--root", "node")
        taken = self.ok(self.c.post("/v1/snapshots"), 201)
        s = HeapSnapshot(self.c.get(f"/v1/snapshots/{taken['n']}?format=heapsnapshot").raw)
        lines = [json.loads(x) for x in self.c.get(f"/v1/snapshots/{taken['n']}?format=ndjson").raw.splitlines()]
        self.assertEqual(len(s.objects()), taken["objects"])
        self.assertEqual(sum(n.size for n in s.objects()), taken["bytes"])
        docs = {}
        for at in range(0, len(lines), 2000):
            for doc in self.done(*[["get", x["id"]] for x in lines[at:at + 2000]]):
                docs[doc["id"]] = doc
        nodes = dict(zip((x["id"] for x in lines), s.objects()))        # both in the order of the snapshot
        for i, node in nodes.items():
            self.same(node, docs[i], nodes)
        self.same_as_file({docs[i]["fields"]["v8_id"]: node for i, node in nodes.items()})

    def same_as_file(self, by_id):
        """The graph is that of the file: the same links between the same nodes, weak ones weak."""
        file = json.loads(gzip.decompress(NODE20.read_bytes()))
        meta, flat, edges = file["snapshot"]["meta"], file["nodes"], file["edges"]
        width, weak, at = len(meta["node_fields"]), meta["edge_types"][0].index("weak"), 0
        number, count = (meta["node_fields"].index(f) for f in ("id", "edge_count"))
        v8_id = {node.id: i for i, node in by_id.items()}
        self.assertEqual(len(by_id), len(flat) // width)
        for n in range(0, len(flat), width):
            out = edges[at:at + 3 * flat[n + count]]
            at += len(out)
            there = Counter((kind == weak, flat[to + number]) for kind, to in zip(out[::3], out[2::3]))
            here = Counter((kind == "weak", v8_id[to.id]) for kind, _, to in by_id[flat[n + number]].edges)
            self.assertEqual(here, there)

    def same(self, node, doc, nodes):
        parts = [(x["name"], x["value"]) for x in self.pages(f"/v1/objects/{doc['id']}/fields", 1000)] if doc.get("more") else list(doc["fields"].items())
        strong = Counter((name, x["$ref"]) for name, x in parts if isinstance(x, dict) and "$ref" in x)
        weak = Counter((name, x["$weak"]) for name, x in parts if isinstance(x, dict) and "$weak" in x)
        self.assertEqual((node.name, node.size), (doc["class"], doc["bytes"]))
        self.assertEqual(Counter((n, to.id) for k, n, to in node.edges if k != "weak"), Counter({(self.plain(n), nodes[i].id): c for (n, i), c in strong.items()}))
        self.assertEqual(Counter((n, to.id) for k, n, to in node.edges if k == "weak"), Counter({(self.plain(n), nodes[i].id): c for (n, i), c in weak.items()}))

    @staticmethod
    def plain(name):
        return name[1:] if isinstance(name, str) and name.startswith("$$") else name


if __name__ == "__main__":
    unittest.main()

"""test_why.py - why an object is alive, as chains and as a graph; what would go with it; who holds it, whoever that is."""
import json
import random
import re
import shutil
import subprocess
import threading
import unittest
from collections import Counter, defaultdict
from urllib.parse import quote

from heapd_test import HeapdTest, STRESSED, eventually
from test_doors import READ, Files
from test_dominators import Trees


class Why(HeapdTest):
    fresh = True

    def begin(self):
        super().begin()
        self.gc(enabled=False)

    def why(self, i, paths=None, **more):
        query = "&".join([f"{k}={v}" for k, v in {"paths": paths, **more}.items() if v is not None])
        return self.ok(self.c.get(f"/v1/objects/{i}/why" + ("?" + query if query else "")))

    def chain_is_true(self, chain, target):
        """Each holder holds the next; asked by other routes."""
        first, *links = chain
        held = [x["id"] for x in links] + [target]
        if "root" in first:
            self.assertEqual(self.ok(self.c.get(f"/v1/roots/{quote(first['root'], safe='')}"))["$ref"], held[0])
        elif "session" in first:
            self.assertIn(held[0], [d["id"] for d in self.pages(f"/v1/sessions/{first['session']}/holds")])
        for link, next_ in zip(links, held[1:]):
            part = f"fields/{link['field']}" if "field" in link else f"items/{link['item']}"
            self.assertEqual(self.ok(self.c.get(f"/v1/objects/{link['id']}/{part}")), {"$ref": next_})
            self.assertEqual(link["class"], self.doc(link["id"])["class"])


class Chains(Why):
    def test_the_shortest_chain_from_a_root_has_every_field_and_item(self):
        d = self.new(kind="Leaf")
        c = self.new(items=["x", {"$ref": d}], kind="Queue")
        b = self.new({"left": {"$ref": c}})
        a = self.new({"next": {"$ref": b}, "also": {"$ref": b}}, kind="Cache", root="cache")
        for i in (b, c, d):
            self.drop(i)
        found = self.why(d)
        self.assertEqual(found["paths"], [[{"root": "cache"}, {"id": a, "class": "Cache", "field": "next"},
                                           {"id": b, "class": "Node", "field": "left"}, {"id": c, "class": "Queue", "item": 1}]])
        self.assertEqual((found["id"], found["refs"]), (d, 1))
        self.assertEqual(self.why(a)["paths"], [[{"root": "cache"}]])
        self.unlink(a, "next")
        self.assertEqual(self.why(d)["paths"][0][1]["field"], "also")

    def test_each_chain_ends_at_another_holder_the_shortest_first(self):
        i, (doc, client) = self.new(), self.session(label="worker-7")
        self.ok(client.put(f"/v1/objects/{i}/hold"))
        near = self.new({"f": {"$ref": i}, "g": {"$ref": i}}, root="near")
        far = self.new({"on": {"$ref": self.new(items=[{"$ref": i}], kind="Queue")}}, root="far")
        self.drop(self.doc(far)["fields"]["on"]["$ref"])
        self.root("itself", i)
        self.link(i, "self", i)
        self.drop(i)
        paths = self.why(i, 1000)["paths"]
        self.assertEqual([len(p) for p in paths], [1, 1, 2, 3])
        self.assertEqual(paths[:2], [[{"root": "itself"}], [{"session": doc["id"], "label": "worker-7"}]])
        self.assertEqual(paths[2], [{"root": "near"}, {"id": near, "class": "Node", "field": "f"}])
        self.assertEqual([list(x) for x in paths[3]], [["root"], ["id", "class", "field"], ["id", "class", "item"]])
        for p in paths:
            self.chain_is_true(p, i)
        self.assertEqual([self.why(i, n)["paths"] for n in (1, 2, 3)], [paths[:1], paths[:2], paths[:3]])

    def test_what_nothing_reaches_has_no_chain_and_is_told_so(self):
        a, b = self.new(), self.new()
        self.link(a, "b", b), self.link(b, "a", a)
        self.ok(self.c.put("/v1/weak/w", {"$ref": a}))
        self.root("weakly", self.new({"w": {"$weak": b}}))
        self.drop(a), self.drop(b)
        said = self.why(a)
        self.assertEqual((said["paths"], said["refs"]), ([], 1))
        self.assertIn("cycle", said["unreached"])
        self.assertEqual(self.ok(self.c.get(f"/v1/objects/{a}/retained"))["objects"], 2)
        self.collect()
        for route in ("why", "retained"):
            self.problem(self.c.get(f"/v1/objects/{a}/{route}"), 410, "collected")


class BreadthFirst(Why, Trees):
    """Against a search in a snapshot of the same heap, by its own lines."""

    def distances(self, links, without):
        """How many steps from outside to each, on ways that do not lead through one of them."""
        found, row = {"outside": 0}, ["outside"]
        while row:
            row = [to for at in row for to in links[at] if to != without and found.setdefault(to, found[at] + 1) == found[at] + 1]
        return found

    def lengths(self, links, i):
        """Of the shortest chain to each holder of `i`, and there on."""
        found = self.distances(links, i)
        holders = Counter({at: tos.count(i) if at == "roots" else 1 for at, tos in links.items() if i in tos and at in found})
        return sorted(found[at] for at, times in holders.items() for _ in range(times))

    def test_no_chain_is_shorter_and_none_is_missing(self):
        for seed in range(3):
            self.random_heap(seed, objects=80)
            alone = self.new()
            self.link(alone, "me", alone)
            self.drop(alone)
            pairs, lines, _ = self.links(self.take()["n"])
            links = defaultdict(list)
            for at, to in pairs:
                links["outside" if at == "sessions" else at].append(to)     # a session is a holder like roots are
            unreached = 0
            for x in lines:
                said = self.c.get(f"/v1/objects/{x['id']}/why?paths=1000")
                if not self.ok_or_gone(said):               # a collector that never rests was there
                    continue
                expected = self.lengths(links, x["id"])
                self.assertEqual([len(p) for p in said.json["paths"]], expected, (seed, x))
                unreached += not expected
                for p in said.json["paths"]:
                    self.chain_is_true(p, x["id"])
                ends = [json.dumps(p[-1].get("id", p[-1])) for p in said.json["paths"]]
                self.assertEqual(len(ends), len(set(ends)))
                self.assertEqual(self.why(x["id"])["paths"], said.json["paths"][:1])
            if not STRESSED:
                self.assertGreater(unreached, 0)
            self.ok(self.c.delete(f"/v1/snapshots/{seed + 1}"))


class Answers(Why):
    def test_what_is_asked_wrongly_is_told_so(self):
        i = self.new()
        for query in ("paths=0", "paths=abc", "paths=1001", "paths=", "paths=-1", "paths=1.5", "format=svg", "format="):
            self.problem(self.c.get(f"/v1/objects/{i}/why?{query}"), 422, "bad-value")
        for route in ("why", "retained"):
            self.problem(self.c.get(f"/v1/objects/{i + 1000000}/{route}"), 404, "no-such-object")
            self.problem(self.c.get(f"/v1/objects/abc/{route}"), 404, "no-such-object")
            self.problem(self.c.get(f"/v1/objects/{self.dead_id()}/{route}"), 410, "collected")
            self.problem(self.c.post(f"/v1/objects/{i}/{route}", {}), 405)
        self.assertEqual(self.why(i, 1000)["paths"], self.why(i)["paths"])

    def test_head_is_get_without_its_body(self):
        i = self.new()
        for path in (f"/v1/objects/{i}/why", f"/v1/objects/{i}/why?format=dot", f"/v1/objects/{i}/retained"):
            got, head = self.c.get(path), self.c.head(path)
            self.assertEqual((head.status, head.raw), (200, b""))
            self.assertEqual(head.headers["content-length"], str(len(got.raw)))
            self.assertEqual(head.headers["content-type"], got.headers["content-type"])

    def test_who_takes_no_graph_gets_json_and_the_other_way_round(self):
        i = self.new()
        self.assertEqual(self.c.get(f"/v1/objects/{i}/why?format=dot").headers["content-type"].split(";")[0], "text/vnd.graphviz")
        self.problem(self.c.get(f"/v1/objects/{i}/why", {"Accept": "image/png"}), 406)
        self.ok(self.c.get(f"/v1/objects/{i}/why", {"Accept": "application/json"}))

    def test_a_graph_can_be_drawn_whatever_things_are_called(self):
        names = ['"', "\\", 'end\\', "a\nb", "\x01\x7f", "<b>&amp;&lt;", "]; }", "->", "\u2028é", 'x" -> "y']
        i = self.new(kind="T")
        for n in names:
            self.new({n: {"$ref": i}}, kind=n, root=n)
        self.drop(i)
        drawn = self.c.get(f"/v1/objects/{i}/why?paths=100&format=dot").raw.decode()
        quoted = r'"(?:[^"\\\n]|\\.)*"'
        node = rf"(?:n\d+|s\d+|batch|garbage|{quoted})"
        statement = rf" {{4}}(?:rankdir=LR|node \[shape=box\]|edge \[label={quoted}\]|{node} -> {node}|{node} \[(?:shape=ellipse )?label={quoted}(?: style=bold)?\])"
        lines = drawn.removesuffix("\n").split("\n")
        self.assertEqual((lines[0], lines[-1]), ("strict digraph why {", "}"))
        for line in lines[1:-1]:
            self.assertRegex(line, f"^{statement}$")
        self.assertEqual(sum(" -> " in re.sub(quoted, "q", line) for line in lines), 2 * len(names))
        if shutil.which("dot"):
            svg = subprocess.run(["dot", "-Tsvg"], input=drawn.encode(), capture_output=True, timeout=60)
            self.assertEqual((svg.returncode, svg.stderr), (0, b""))

    def test_batches_and_the_garbage_list_hold_too(self):
        w = self.stream()
        i = w.op("new", "Node", {})["id"]
        inner = w.op("new", "Node", {"to": {"$ref": i}})["id"]
        self.assertEqual(self.why(i, 5)["paths"], [[{"batch": True}], [{"batch": True}, {"id": inner, "class": "Node", "field": "to"}]])
        w.end()
        self.assertEqual(self.c.get(f"/v1/objects/{i}/why").status, 410)
        a = self.new()
        self.link(a, "me", a), self.drop(a)
        self.gc(debug=["saveall"])
        self.collect()
        self.assertEqual(self.why(a, 5)["paths"], [[{"garbage": True}]])
        self.gc(debug=[])

    def test_case_30_weak_links_keep_nothing(self):
        targets = [self.new() for _ in range(10)]
        weak = self.new({f"w{n}": {"$weak": t} for n, t in enumerate(targets)}, root="map")
        for t in targets:
            self.assertEqual(self.why(t, 10)["paths"], [[{"session": 0, "label": "default"}]])
            self.assertEqual(self.pages(f"/v1/objects/{t}/referrers"), [{"session": 0, "label": "default"}])
        self.assertEqual(self.ok(self.c.get(f"/v1/objects/{weak}/retained"))["objects"], 1)
        self.link(targets[0], "me", targets[0]), self.drop(targets[0])
        self.assertEqual(self.why(targets[0])["paths"], [])
        self.assertEqual(self.collect(), 1)

    def test_what_an_object_keeps_goes_with_it(self):
        """Random graphs: retained says what will be missing when its last holders let it go."""
        dice = random.Random(4327)
        for _ in range(8):
            ids = [self.new() for _ in range(30)]
            for n in range(dice.randrange(60)):
                self.link(dice.choice(ids), f"f{n}", dice.choice(ids))
            root, target = dice.sample(ids, 2)
            self.root("r", root), self.root("t", target)
            for i in ids:
                self.drop(i)
            self.collect()
            before, kept = self.heap()["objects"], self.ok(self.c.get(f"/v1/objects/{target}/retained"))
            for h in self.pages(f"/v1/objects/{target}/referrers"):
                if h.get("id") not in (None, target):
                    self.ok(self.c.put(f"/v1/objects/{h['id']}/fields/{h['field']}", "0"))
            bytes_before = self.heap()["bytes"]["live"]
            self.unroot("t")
            self.collect()
            self.assertFalse(self.alive(target))
            self.assertTrue(eventually(lambda: self.heap()["bytes"]["doomed"] == 0))
            after = self.heap()
            self.assertEqual((before - after["objects"], bytes_before - after["bytes"]["live"]), (kept["objects"], kept["bytes"]))
            self.unroot("r")
            self.collect()


class Concurrently(Why):
    def fill(self, count):
        """A list of that many records, each with two links: its id, and theirs."""
        dice, ops = random.Random(1), [["list", []], ["root", "all", "@0"]]
        for n in range(count):
            links = {f: {"$ref": f"@{2 + 2 * dice.randrange(n)}"} for f in ("a", "b")} if n else {}
            ops += [["new", "Node", links], ["push", "@0", {"$ref": f"@{2 + 2 * n}"}]]
        said = self.done(*ops)
        return said[0]["id"], [x["id"] for x in said[2::2]]

    def test_many_ask_at_once_while_others_write(self):
        top, ids = self.fill(3000 if STRESSED else 20000)
        stop, wrong, asked = threading.Event(), [], []

        def write():
            c, n = self.client(), 0
            while not stop.is_set():
                i = ids[n % 500]
                c.put(f"/v1/objects/{i}/fields/w", json.dumps({"$ref": ids[-1 - n % 500]}))
                c.post("/v1/objects", {"class": "Tick", "into": {"id": i, "field": "t"}, "fields": {}})
                n += 1

        def ask(seed):
            c, dice = self.client(), random.Random(seed)
            while not stop.is_set():
                i = dice.choice(ids)
                why, kept = c.get(f"/v1/objects/{i}/why?paths=3"), c.get(f"/v1/objects/{i}/retained")
                asked.append(i)
                if why.status not in (200, 409) or kept.status != 200 or kept.json["objects"] < 1 or (
                        why.status == 200 and [list(p[0]) for p in why.json["paths"]][:1] != [["root"]]):
                    wrong.append((why, kept))

        threads = [threading.Thread(target=write) for _ in range(2)] + [threading.Thread(target=ask, args=(n,)) for n in range(5)]
        for t in threads:
            t.start()
        eventually(lambda: len(asked) >= 60 or wrong, pause=0.05)
        stop.set()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])
        self.assertGreaterEqual(len(asked), 60)
        chain = self.why(ids[700])["paths"][0]
        self.chain_is_true(chain, ids[700])
        self.assertEqual(self.ok(self.c.get(f"/v1/objects/{top}/retained"))["exact"], True)

    def test_a_client_that_goes_leaves_nothing_behind(self):
        _, ids = self.fill(3000)
        for _ in range(5):
            for _ in range(6):
                w = self.wire()
                w.ask("GET", f"/v1/objects/{ids[5]}/why?paths=1000")
                w.close()
            self.assertTrue(self.why(ids[5])["paths"])


class Scopes(Files, HeapdTest):
    fresh = True

    @property
    def options(self):
        return ("--token-file", self.tokens)

    def test_who_may_read_may_ask_why(self):
        for path in ("/v1/objects/1/why", "/v1/objects/1/retained"):
            self.problem(self.c.get(path), 401)
            self.problem(self.c.get(path, {"Authorization": f"Bearer {READ}"}), 404, "no-such-object")

    def end(self):
        self.daemon.terminate()
        self.assertEqual(self.daemon.finish(), 0)
        self.c.close()


if __name__ == "__main__":
    unittest.main()

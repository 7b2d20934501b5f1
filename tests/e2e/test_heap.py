"""test_heap.py - the heap tells what it holds, and its sums add up; who links whom; configuration."""
import json
import tempfile
import threading
import unittest

from heapd_test import Client, Daemon, HeapdTest, eventually


class Heap(HeapdTest):
    fresh = True

    def begin(self):
        super().begin()
        self.gc(enabled=False)

    def fill(self):
        """5 objects, 4 strong links, 1 weak one, 2 roots, a session."""
        a, b, c = self.new(kind="Node"), self.new(kind="Node"), self.new(items=[1, 2], kind="Queue")
        self.ok(self.c.patch(f"/v1/objects/{a}", {"b": {"$ref": b}, "c": {"$ref": c}, "w": {"$weak": b}, "in": {"x": 0.5}}))
        self.root("a", a), self.root("c", c)
        blob = self.ok(self.c.post(f"/v1/objects?class=Blob&into={c}", b"z" * 100000, {"Content-Type": "application/octet-stream"}),
                       201)["id"]
        return a, b, c, blob


class Sums(Heap):
    def test_the_heap_counts_what_it_holds(self):
        empty = self.heap()
        self.assertLessEqual({"objects", "links", "classes", "shapes", "roots", "sessions", "bytes", "rss"}, set(empty))
        self.assertLessEqual({"live", "doomed", "pool_free", "dirty", "committed", "shared", "side"}, set(empty["bytes"]))
        self.assertTrue(all(isinstance(n, int) and n >= 0 for n in empty["bytes"].values()), empty)
        self.assertEqual((empty["objects"], empty["links"], empty["roots"]), (0, 0, 0))
        self.fill()
        self.session()
        full = self.heap()
        self.assertEqual([full[k] - empty[k] for k in ("objects", "links", "roots", "sessions")], [5, 4, 2, 1])
        self.assertEqual(full["classes"] - empty["classes"], 4)
        self.assertGreater(full["rss"], 1 << 20)
        self.assertGreater(full["bytes"]["live"] - empty["bytes"]["live"], 100000)

    def test_the_bytes_of_all_objects_are_the_live_bytes(self):
        self.fill()
        docs, full = self.pages("/v1/objects"), self.heap()
        self.assertEqual(len(docs), full["objects"])
        self.assertEqual(sum(d["bytes"] for d in docs), full["bytes"]["live"])
        self.assertEqual(full["bytes"]["doomed"], 0)
        self.assertGreaterEqual(full["bytes"]["committed"] + full["bytes"]["side"] + full["bytes"]["shared"], full["bytes"]["live"])

    def test_what_is_let_go_comes_back(self):
        before = self.heap()
        self.fill()
        for i in self.pages("/v1/sessions/0/holds"):
            self.drop(i["id"])
        self.unroot("a"), self.unroot("c")
        self.collect()
        self.assertTrue(eventually(lambda: self.heap()["bytes"]["doomed"] == 0))
        after = self.heap()
        self.assertEqual([after[k] for k in ("objects", "links", "roots")], [0, 0, 0])
        self.assertEqual(after["bytes"]["live"], before["bytes"]["live"])

    def test_of_many_objects_none_stays_behind(self):
        for i in [self.new({"in": [n]}) for n in range(300)]:
            self.assertEqual(self.drop(i), {"alive": False})
        self.assertTrue(eventually(lambda: self.heap()["objects"] == 0))

    def test_a_replaced_link_and_a_removed_one_are_no_links(self):
        a, b = self.new(), self.new()
        for change in (lambda: self.link(a, "x", b), lambda: self.link(a, "x", b), lambda: self.put(a, "y", {"$weak": b})):
            change()
            self.assertEqual(self.heap()["links"], 1)
        self.put(a, "x", {"$weak": b})
        self.assertEqual((self.heap()["links"], self.doc(b)["refs"], self.doc(b)["weak_refs"]), (0, 1, 2))
        self.link(a, "x", b)
        self.unlink(a, "x")
        self.assertEqual((self.heap()["links"], self.doc(b)["refs"], self.doc(b)["weak_refs"]), (0, 1, 1))

    def test_classes_are_counted(self):
        self.fill()
        self.drop(self.new(kind="Gone"))
        rows = {r["class"]: r for r in self.pages("/v1/heap/classes", 2)}
        self.assertEqual({k: r["count"] for k, r in rows.items() if r["count"]}, {"Node": 2, "Queue": 1, "Blob": 1, "object": 1})
        self.assertGreaterEqual(rows["Blob"]["bytes"], 100000)
        self.assertEqual(sum(r["bytes"] for r in rows.values()), sum(d["bytes"] for d in self.pages("/v1/objects")))
        sizes = [r["bytes"] for r in self.pages("/v1/heap/classes?sort=bytes")]
        self.assertEqual(sizes, sorted(sizes, reverse=True))

    def made_at(self, site, n, kind="Node"):
        return [self.ok(self.c.post("/v1/objects", {"class": kind, "fields": {"n": i}}, {"Heapd-Site": site}), 201)["id"]
                for i in range(n)]

    def sites(self, query=""):
        return {r["site"]: r for r in self.pages("/v1/heap/sites" + query)}

    def test_sites_are_counted(self):
        """Whatever bytes a header may have: the label comes back as it was."""
        odd = 'caf\u00e9 "\\ <b> 100%'
        ids = self.made_at("app.py:1", 3) + self.made_at("x" * 255, 2) + self.made_at(odd.encode().decode("latin-1"), 1)
        plain = self.new()
        rows = self.sites()
        self.assertEqual({s: r["count"] for s, r in rows.items() if r["count"]}, {"app.py:1": 3, "x" * 255: 2, odd: 1, None: 1})
        self.assertEqual(sum(r["bytes"] for r in rows.values()), sum(d["bytes"] for d in self.pages("/v1/objects")))
        self.assertEqual({r["peak"] - r["bytes"] for r in rows.values()}, {0})
        for i in ids[1:] + [plain]:
            self.drop(i)
        row = self.sites("?sort=bytes")["app.py:1"]
        self.assertEqual((row["count"], row["peak"]), (1, 3 * row["bytes"]))
        self.assertEqual([d["id"] for d in self.pages("/v1/objects?site=app.py%3A1")], [ids[0]])
        self.drop(ids[0])

    def test_sites_are_sorted_as_asked(self):
        ids = self.made_at("b", 1) + self.made_at("a", 3) + self.made_at("c", 2)
        for sort, want in (("bytes", ["a", "c", "b"]), ("count", ["a", "c", "b"]), ("growth", ["a", "c", "b"]), ("name", ["a", "b", "c"])):
            said = [r["site"] for r in self.pages(f"/v1/heap/sites?sort={sort}") if r["count"]]
            self.assertEqual(said, want, sort)
        self.assertEqual(len(self.ok(self.c.get("/v1/heap/sites?sort=peak&limit=2"))["items"]), 2)
        for path in ("/v1/heap/sites?sort=abc", "/v1/heap/classes?sort=abc", "/v1/heap/sites?limit=0", "/v1/heap/sites?sort="):
            self.problem(self.c.get(path), 422, "bad-value")
        for i in ids:
            self.drop(i)

    def test_a_site_that_is_no_name_is_refused(self):
        for site in ("x" * 256, b"\xff\xfe".decode("latin-1")):
            self.problem(self.c.post("/v1/objects", {"class": "A"}, {"Heapd-Site": site}), 422, "bad-value")

    def test_pools_tell_used_and_free(self):
        self.fill()
        said = self.c.get("/v1/heap/pools")
        self.assertIsInstance(self.ok(said), dict)
        for word in (b"arenas", b"used", b"free"):
            self.assertIn(word, said.raw)

    def test_a_purge_gives_memory_back_and_harms_nothing(self):
        keep = self.new({"a": [1, {"b": "text"}]})
        self.batch(*[["new", "Bulk", {"pad": "x" * 900, "n": n}] for n in range(20000)], query="?reply=summary")
        self.assertTrue(eventually(lambda: self.heap()["bytes"]["doomed"] == 0))
        before = self.heap()["bytes"]
        self.ok(self.c.post("/v1/heap/purge"), 200, 204)
        after = self.heap()["bytes"]
        self.assertLessEqual(after["committed"], before["committed"])
        self.assertLessEqual(after["dirty"], before["dirty"])
        self.assertEqual(self.doc(self.doc(keep)["fields"]["a"]["$ref"])["items"][0], 1)

    def test_validate_finds_nothing_broken_in_a_life(self):
        self.gc(enabled=True, thresholds=[50])
        a, b, c, _ = self.fill()
        for n in range(200):
            self.put(a, f"f{n % 40}", [{"n": n}, {"$weak": b}])
            self.ok(self.c.post(f"/v1/objects/{c}/items", {"$ref": a}), 201)
            self.ok(self.c.delete(f"/v1/objects/{c}/items/0"), 204)
            if n % 20 == 0:
                self.validate_clean()
        self.ok(self.c.put("/v1/gc/freeze"))
        self.validate_clean()
        self.ok(self.c.delete("/v1/gc/freeze"))

    def test_calls_to_validate_have_their_turns_where_nothing_else_happens(self):
        self.fill()
        clients, broken = [self.client() for _ in range(8)], []

        def recount(client):
            for _ in range(10):
                broken.append(self.ok(client.post("/v1/heap/validate"))["broken"])

        threads = [threading.Thread(target=recount, args=(c,)) for c in clients]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(broken, [[]] * 80)

    def test_validate_lets_others_write_and_finds_nothing(self):
        self.gc(enabled=True, thresholds=[50])
        self.batch(["list", []], ["root", "all", "@0"],
                   *[["push", "@0", {"n": n, "first": {"$ref": "@0"}}] for n in range(8000)], query="?reply=summary")
        broken, stop = [], threading.Event()

        def recount():
            client = self.client()
            while not stop.is_set():
                broken.append(self.ok(client.post("/v1/heap/validate"))["broken"])

        threads = [threading.Thread(target=recount) for _ in range(2)]
        for t in threads:
            t.start()
        for n in range(400):
            i = self.new({"n": n, "deep": [{"x": [n]}]})
            self.link(i, "self", i)
            self.root(f"r{n % 7}", i)
            self.drop(i)
            if n % 50 == 0:
                self.collect()
        stop.set()
        for t in threads:
            t.join()
        self.assertGreaterEqual(len(broken), 2)
        self.assertEqual([b for b in broken if b], [])


class Holders(Heap):
    def test_every_kind_of_holder_is_named(self):
        i, (doc, client) = self.new(), self.session(label="worker-7")
        a, items = self.new({"f": {"$ref": i}, "$$g": {"$ref": i}, "w": {"$weak": i}}), self.new(items=[0, {"$ref": i}])
        self.root("a root", i)
        self.ok(client.put(f"/v1/objects/{i}/hold"))
        want = [{"id": a, "class": "Node", "field": "f"}, {"id": a, "class": "Node", "field": "$g"},
                {"id": items, "class": "Node", "item": 1},
                {"root": "a root"}, {"session": 0, "label": "default"}, {"session": doc["id"], "label": "worker-7"}]
        found = self.pages(f"/v1/objects/{i}/referrers")
        self.assertEqual([h for h in want if h not in found], [])
        self.assertEqual((len(found), self.doc(i)["refs"]), (6, 6))

    def test_referrers_come_in_pages(self):
        i = self.new()
        items = self.new(items=[{"$ref": i}] * 150)
        for n in range(60):
            self.root(f"r{n}", i)
        for limit in (1, 7, 100, 1000):
            found = self.pages(f"/v1/objects/{i}/referrers", limit)
            self.assertEqual(sorted(h["item"] for h in found if h.get("id") == items), list(range(150)))
            self.assertEqual(len({h["root"] for h in found if "root" in h}), 60)
            self.assertEqual(len(found), 211)

    def test_referents_are_documents_each_once(self):
        b, c = self.new({"v": 1}), self.new()
        a = self.new({"x": {"$ref": b}, "y": {"$ref": b}, "z": {"$ref": c}, "me": None, "w": {"$weak": c}, "n": 5})
        self.link(a, "me", a)
        for limit in (1, 2, None):
            docs = self.pages(f"/v1/objects/{a}/referents", limit)
            self.assertEqual(sorted(d["id"] for d in docs), sorted([a, b, c]))
        self.assertEqual(next(d for d in docs if d["id"] == b), self.doc(b))
        items = self.new(items=[{"n": n} for n in range(250)] + [{"$ref": b}] * 50)
        self.assertEqual(len({d["id"] for d in self.pages(f"/v1/objects/{items}/referents")}), 251)
        self.assertEqual(self.pages(f"/v1/objects/{b}/referents"), [])


class Config(Heap):
    def config(self):
        return self.ok(self.c.get("/v1/config"))

    def test_every_limit_is_there(self):
        values = list(self.config().values())
        for limit in (1 << 20, 64 << 10, 64 << 20, 64):
            self.assertIn(limit, values)

    def test_an_unknown_or_wrong_member_is_refused_and_nothing_applied(self):
        before = self.config()
        names = [k for k, v in before.items() if isinstance(v, int) and not isinstance(v, bool) and v > 1]
        self.assertTrue(names)
        for name in names:
            for bad in ({name: before[name] + 1, "no_such_setting": 1}, {name: "x"}, {name: [1]}, {name: -1}, {name: 1.5},
                        {name: True}):
                self.problem(self.c.patch("/v1/config", bad), 422, "bad-value")
        for bad in ([], "5", '"x"'):
            self.problem(self.c.patch("/v1/config", bad), (400, 422))
        self.assertEqual(self.config(), before)

    def test_a_patch_answers_the_whole_new_document(self):
        before = self.config()
        self.assertEqual(self.ok(self.c.patch("/v1/config", {})), before)
        name = next(k for k, v in before.items() if v == 1 << 20 and ("json" in k or "body" in k))
        self.assertEqual(self.ok(self.c.patch("/v1/config", {name: 4096})), {**before, name: 4096})
        refused = self.problem(self.c.post("/v1/objects", {"fields": {"x": "y" * 5000}}), 413)
        self.assertEqual(refused["limit"], {"name": name, "value": 4096})
        self.ok(self.c.patch("/v1/config", {name: 1 << 20}))
        self.new({"x": "y" * 5000})

    def test_a_file_says_the_same_as_a_patch(self):
        config = self.config()
        name = next(k for k, v in config.items() if v == 1 << 20 and ("json" in k or "body" in k))
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
            f.write(f"{name} = {json.dumps(8192)}\n")
            f.flush()
            other = Daemon("--config", f.name)
            client = Client(other)
            try:
                self.assertEqual(self.ok(client.get("/v1/config")), {**config, name: 8192})
            finally:
                client.close()
                other.terminate()
                self.assertEqual(other.finish(), 0)


if __name__ == "__main__":
    unittest.main()

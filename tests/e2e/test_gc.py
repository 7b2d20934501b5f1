"""
test_gc.py - the collector finds what CPython's would, and says so in the same numbers.

A test whose name begins with case_NN is that numbered behaviour of CPython's gc module (3.11 to 3.13): one
object here is one container there, "drop x" lets go of its last name, counts and returned numbers are equal.
Automatic collections are off unless a test turns them on. They then run after an operation, never in it.
"""
import time
import unittest

from heapd_test import HeapdTest, eventually

PLAIN = {"full_bytes_pct": 0, "full_age_s": 0}                      # only counts start a collection


class Graph(HeapdTest):
    fresh = True
    enabled = False

    def begin(self):
        super().begin()
        self.gc(enabled=self.enabled, **PLAIN)

    def loop(self):
        """One object that links itself."""
        i = self.new()
        self.link(i, "me", i)
        return i

    def pair(self):
        a, b = self.new(), self.new()
        self.link(a, "b", b)
        self.link(b, "a", a)
        return a, b

    def drop_all(self, *ids):
        for i in ids:
            self.drop(i)

    def ring(self, count, kind="Ring"):
        """`count` objects in a ring; the session holds the first."""
        said = self.done(*[["new", kind, {"next": {"$ref": f"@{n - 1}"}} if n else {}] for n in range(count)],
                         ["set", "@0", "next", {"$ref": f"@{count - 1}"}], ["hold", "@0"])
        return [x["id"] for x in said[:count]]

    def grow(self, count, into, step=4000):
        """`count` new objects in the list `into`, one operation each, `step` a request."""
        for n in range(0, count, step):
            self.done(*[["push", into, {}]] * min(step, count - n), query="?reply=summary")

    def done(self, *ops, query="", **more):
        if not query:
            return super().done(*ops, **more)
        self.assertEqual(self.batch(*ops, query=query), [{"done": len(ops), "failed": 0}])
        return []

    def counts(self):
        return self.gc()["counts"]

    def runs(self, part="collections"):
        return [g[part] for g in self.gc()["generations"]]

    def quiet_runs(self):
        """Collections so far, once no more follow."""
        last, same = self.runs(), 0
        for _ in range(1000):
            time.sleep(0.005)
            now = self.runs()
            same, last = (same + 1 if now == last else 0), now
            if same == 4:
                return now
        self.fail("it collects without end")

    def generation(self, i):
        return self.doc(i)["generation"]


class Finding(Graph):
    def test_case_01_a_self_loop_is_found_once(self):
        i = self.loop()
        self.drop(i)
        self.assertTrue(self.alive(i))
        self.assertEqual((self.collect(), self.collect(), self.alive(i)), (1, 0, False))

    def test_case_02_a_pair_and_a_list_in_a_record(self):
        self.drop_all(*self.pair())
        self.assertEqual(self.collect(), 2)
        a = self.new()
        items = self.new(items=[{"$ref": a}])
        self.link(a, "list", items)
        self.drop_all(a, items)
        self.assertEqual(self.collect(), 2)

    def test_case_03_a_ring_of_1000(self):
        ids = self.ring(1000)
        self.drop(ids[0])
        self.assertEqual(self.collect(), 1000)
        self.assertFalse(any(map(self.alive, ids[::100])))

    def test_case_04_a_chain_dies_at_once_by_counting(self):
        ids = [x["id"] for x in self.done(*[["new", "Chain", {"next": {"$ref": f"@{n - 1}"}} if n else {}] for n in range(100)],
                                          ["hold", "@99"])[:100]]
        for n in (0, 50, 99):
            self.done(["weak", f"w{n}", ids[n]])
        self.assertEqual(self.drop(ids[99]), {"alive": False})
        self.assertFalse(any(map(self.alive, ids)))
        self.assertEqual([self.ok(self.c.get(f"/v1/weak/w{n}")) for n in (0, 50, 99)], [None] * 3)
        self.assertEqual(self.collect(), 0)

    def test_case_04_what_counting_freed_is_reported(self):
        before = self.gc()["freed_by_refcount"]
        self.drop(self.new({"a": {"b": [{}, {}]}}))
        self.assertTrue(eventually(lambda: self.gc()["freed_by_refcount"] - before == 5))
        self.assertTrue(eventually(lambda: self.gc()["doomed"] == 0))

    def test_case_05_a_cycle_takes_its_tail_along(self):
        a, b = self.pair()
        self.put(b, "tail", {"next": {"next": {}}})
        self.drop_all(a, b)
        self.assertEqual(self.collect(), 5)

    def test_case_06_a_rooted_pair_stays(self):
        a, b = self.pair()
        self.root("a", a)
        self.drop_all(a, b)
        self.assertEqual((self.collect(), self.alive(b)), (0, True))
        self.unroot("a")
        self.assertEqual((self.collect(), self.alive(b)), (2, False))

    def test_case_07_what_a_dead_pair_links_stays_if_rooted(self):
        a, b = self.pair()
        t = self.new(root="t")
        self.link(a, "t", t)
        self.drop_all(a, b)
        self.assertEqual((self.collect(), self.doc(t)["refs"]), (2, 1))

    def two_loops(self):
        a, b = self.loop(), self.loop()
        self.link(a, "b", b)
        return a, b

    def test_case_08_the_loop_behind_a_dead_one_stays(self):
        a, b = self.two_loops()
        self.drop(a)
        self.assertEqual((self.collect(), self.alive(a), self.alive(b)), (1, False, True))
        self.drop(b)
        self.assertEqual(self.collect(), 1)

    def test_case_09_the_loop_behind_a_living_one_stays(self):
        a, b = self.two_loops()
        self.drop(b)
        self.assertEqual((self.collect(), self.alive(b)), (0, True))
        self.drop(a)
        self.assertEqual(self.collect(), 2)

    def test_a_dead_cycle_with_weak_links_and_bytes_goes_whole(self):
        a, b = self.pair()
        self.put(a, "weak", {"$weak": b})
        blob = self.ok(self.c.post(f"/v1/objects?into={b}&field=blob", b"x" * 5000, {"Content-Type": "application/octet-stream"}),
                       201)["id"]
        out = self.new({"w": {"$weak": a}})
        self.drop_all(a, b)
        self.assertEqual(self.collect(), 2)                         # bytes are no tracked object
        self.assertFalse(self.alive(blob))
        self.assertIsNone(self.doc(out)["fields"]["w"])

    def test_garbage_that_is_linked_in_time_lives_on(self):
        a, b = self.pair()
        self.drop_all(a, b)
        keeper = self.new({"saved": {"$ref": a}})
        self.assertEqual((self.collect(), self.alive(b)), (0, True))
        self.drop(keeper)
        self.assertEqual(self.collect(), 2)

    def test_the_answer_of_a_collection_is_whole(self):
        self.drop_all(*self.pair())
        said = self.ok(self.c.post("/v1/gc/collect"))               # the body is optional, the generation 2
        self.assertEqual((said["generation"], said["collected"], said["uncollectable"]), (2, 2, 0))
        for name in ("candidates", "duration_us", "slices", "max_slice_us"):
            self.assertIsInstance(said[name], int, name)
        self.assertGreaterEqual(said["candidates"], 2)
        self.assertGreaterEqual(said["slices"], 1)


class Generations(Graph):
    def test_case_10_counts_after_a_collection(self):
        for generation, after in ((2, [0, 0]), (0, [1, 0]), (1, [0, 1]), (2, [0, 0]), (0, [1, 0]), (0, [2, 0]), (1, [0, 1]),
                                  (1, [0, 2])):
            self.new()
            self.collect(generation)
            self.assertEqual(self.counts(), [0, *after])

    def test_case_11_survivors_grow_old(self):
        i = self.new()
        ages = [self.generation(i)]
        for generation in (0, 1, 2, 0):
            self.collect(generation)
            ages.append(self.generation(i))
        self.assertEqual(ages, [0, 1, 2, 2, 2])
        self.assertEqual([d["id"] for d in self.pages("/v1/objects?generation=2")], [i])
        self.assertEqual(self.runs("objects"), [0, 0, 1])

    def test_case_12_an_old_loop_needs_an_old_collection(self):
        i = self.loop()
        self.collect(1)
        self.drop(i)
        self.assertEqual([self.collect(g) for g in (0, 1, 2)], [0, 0, 1])

    def test_case_13_an_old_object_keeps_a_young_loop(self):
        old = self.new()
        self.collect(1)
        young = self.loop()
        self.link(old, "y", young)
        self.drop(young)
        self.assertEqual((self.collect(0), self.alive(young)), (0, True))
        self.unlink(old, "y")
        self.assertEqual((self.collect(0), self.collect(1)), (0, 1))

    def test_case_14_a_dead_old_loop_still_keeps_a_young_one(self):
        old = self.loop()
        self.collect(1)
        young = self.loop()
        self.link(old, "y", young)
        self.drop_all(young, old)
        self.assertEqual((self.collect(0), self.collect(2)), (0, 2))

    def test_case_33_each_generation_keeps_its_own_statistics(self):
        before = self.runs()
        for generation, more in ((0, [1, 0, 0]), (2, [1, 0, 1]), (1, [1, 1, 1])):
            self.collect(generation)
            self.assertEqual([b - a for a, b in zip(before, self.runs())], more)
        self.drop_all(*self.pair())
        self.collect(1)
        self.assertEqual((self.runs("collected"), self.runs("uncollectable")), ([0, 2, 0], [0, 0, 0]))
        self.assertTrue(all(s >= 0 for s in self.runs("seconds")))

    def test_case_34_referrers_and_referents(self):
        q = self.new()
        p, c = self.new({"q": {"$ref": q}}), self.new({"q": {"$ref": q}})
        named = [h for h in self.pages(f"/v1/objects/{q}/referrers") if "id" in h]
        self.assertEqual(sorted((h["id"], h["class"], h["field"]) for h in named), [(p, "Node", "q"), (c, "Node", "q")])
        self.link(p, "again", q)
        self.assertEqual(len([h for h in self.pages(f"/v1/objects/{q}/referrers") if "id" in h]), 3)     # one holder a link
        self.assertEqual([d["id"] for d in self.pages(f"/v1/objects/{p}/referents")], [q])               # each object once
        self.root("q", q)
        self.assertEqual(self.doc(q)["refs"], 3 + 1 + 1)

    def test_case_37_an_old_acyclic_object_goes_uncounted(self):
        old = self.new()
        self.collect(1)
        young = self.loop()
        self.link(young, "o", old)
        self.drop_all(old, young)
        self.assertEqual((self.collect(0), self.alive(old), self.alive(young)), (1, False, False))

    def test_bytes_are_in_no_count_and_no_generation(self):
        before = self.counts()
        blob = self.ok(self.c.post("/v1/objects", b"x", {"Content-Type": "application/octet-stream"}), 201)
        self.collect(0)
        self.assertEqual((before[0], self.counts()[0], self.runs("objects"), self.doc(blob["id"])["generation"]),
                         (0, 0, [0, 0, 0], None))


class Freezing(Graph):
    def freeze(self, method="PUT"):
        return self.ok(self.c.request(method, "/v1/gc/freeze"))["frozen"]

    def test_case_20_what_is_frozen_is_not_found(self):
        i = self.loop()
        self.assertEqual((self.freeze(), self.counts(), self.gc()["frozen"]), (1, [0, 0, 0], 1))
        doc = self.doc(i)
        self.assertEqual((doc["generation"], doc["frozen"]), (None, True))
        self.drop(i)
        self.assertEqual((self.collect(), self.alive(i)), (0, True))
        self.assertEqual((self.freeze("DELETE"), self.gc()["frozen"], self.generation(i)), (0, 0, 2))
        self.assertEqual((self.collect(), self.alive(i)), (1, False))

    def test_case_21_what_is_frozen_keeps_what_it_links(self):
        p = self.new()
        self.freeze()
        y = self.loop()
        self.link(p, "y", y)
        self.drop(y)
        self.assertEqual((self.collect(), self.alive(y)), (0, True))
        self.unlink(p, "y")
        self.assertEqual((self.collect(), self.alive(y)), (1, False))

    def test_what_is_frozen_still_dies_by_counting(self):
        i = self.new({"in": {}})
        self.assertEqual((self.freeze(), self.freeze()), (2, 2))
        self.assertEqual(self.drop(i), {"alive": False})
        self.assertTrue(eventually(lambda: self.gc()["frozen"] == 0))


class SaveAll(Graph):
    def garbage(self):
        return [d["id"] for d in self.pages("/v1/gc/garbage")]

    def begin(self):
        super().begin()
        self.gc(debug=["saveall"])

    def test_case_19_save_all_keeps_what_was_found(self):
        i = self.loop()
        self.drop(i)
        self.assertEqual((self.collect(), self.garbage(), self.gc()["garbage"], self.runs("uncollectable")), (1, [i], 1, [0, 0, 0]))
        self.assertEqual((self.doc(i)["refs"], self.doc(i)["fields"]), (2, {"me": {"$ref": i}}))
        self.assertIn({"garbage": True}, self.pages(f"/v1/objects/{i}/referrers"))
        self.assertEqual(self.collect(), 0)                         # the list holds it

    def test_garbage_can_be_rescued_and_the_rest_be_cleared(self):
        a, b = self.loop(), self.loop()
        self.drop_all(a, b)
        self.assertEqual((self.collect(), sorted(self.garbage())), (2, sorted((a, b))))
        self.ok(self.c.put(f"/v1/objects/{a}/hold"))
        self.gc(debug=[])
        self.ok(self.c.delete("/v1/gc/garbage"), 200, 204)
        self.assertEqual((self.garbage(), self.gc()["garbage"]), ([], 0))
        self.assertEqual((self.collect(), self.alive(a), self.alive(b)), (1, True, False))
        self.drop(a)
        self.assertEqual(self.collect(), 1)


if __name__ == "__main__":
    unittest.main()

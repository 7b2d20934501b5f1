"""
test_tracing.py - what tracemalloc and weakref of Python say, heapd says of sites, snapshots and weak names.

A test whose name begins with case_NN is that numbered behaviour of CPython's tracemalloc and weakref (3.11 to 3.13). A site is
what a traceback is there. Nobody starts or stops tracing: sites are always counted, so of what was made nothing is left out.
"""
import unittest

from heapd_test import STRESSED, HeapdTest

MIB = 1 << 20


class Tracing(HeapdTest):
    fresh = True

    def make(self, site, length):
        """Bytes that are made there, held by the session."""
        headers = {"Content-Type": "application/octet-stream"} | ({"Heapd-Site": site} if site else {})
        return self.ok(self.c.post("/v1/objects", b"x" * length, headers), 201)["id"]

    def traced(self, site):
        """tracemalloc.get_traced_memory(), of a site: current and peak."""
        rows = {r["site"]: (r["bytes"], r["peak"]) for r in self.ok(self.c.get("/v1/heap/sites"))["items"]}
        return rows.get(site, (0, 0))

    def reset_peak(self):
        self.assertEqual(self.ok(self.c.post("/v1/heap/reset_peak")), {})

    # -- weakref

    def test_case_30_a_weak_map_forgets_what_is_dead(self):
        """WeakValueDictionary: a record of weak links, and names below /v1/weak."""
        self.gc(enabled=False)
        values = [self.new({"n": n}) for n in range(10)]
        table = self.new({f"k{n}": {"$weak": i} for n, i in enumerate(values)})
        for n, i in enumerate(values):
            self.ok(self.c.put(f"/v1/weak/k{n}", {"$ref": i}))

        def alive():
            fields = [v for v in self.doc(table)["fields"].values() if v is not None]
            names = [x for x in self.pages("/v1/weak?prefix=k") if x["$ref"] is not None]
            self.assertEqual(len(fields), len(names))
            return len(fields)
        self.assertEqual(alive(), 10)
        self.drop(values.pop())
        self.assertEqual(alive(), 9)
        for i in values:
            self.drop(i)
        self.assertEqual(alive(), 0)
        for n in range(20):                                             # these only the collector finds
            i = self.new({"n": n})
            self.link(i, "me", i)
            self.ok(self.c.put(f"/v1/weak/k{n}", {"$ref": i}))
            self.ok(self.c.patch(f"/v1/objects/{table}", {f"k{n}": {"$weak": i}}))
            self.drop(i)
        if not STRESSED:
            self.assertEqual(alive(), 20)
        self.collect()
        self.assertEqual(alive(), 0)

    # -- tracemalloc

    def test_case_41_what_is_there_and_the_most_there_was(self):
        """Python starts, clears and stops; here nothing was there before, and nothing is when all of it is gone."""
        self.assertEqual(self.traced("a.py:1"), (0, 0))
        i = self.make("a.py:1", MIB)
        current, peak = self.traced("a.py:1")
        self.assertGreaterEqual(current, MIB)
        self.assertGreaterEqual(peak, current)
        keeper = self.make("a.py:1", 10)
        peak = self.traced("a.py:1")[1]
        before = self.traced("a.py:1")[0]
        self.drop(i)
        after = self.traced("a.py:1")
        self.assertLess(after[0], before - MIB + 2048)
        self.assertEqual(after[1], peak)
        self.drop(keeper)
        self.assertEqual(self.traced("a.py:1")[0], 0)

    def test_case_42_the_peak_begins_anew(self):
        keeper = self.make("a.py:1", 10)
        self.drop(self.make("a.py:1", MIB))                             # a transient
        self.make("b.py:2", 1000)
        first = self.traced("a.py:1")
        self.reset_peak()
        second = self.traced("a.py:1")
        self.assertLess(second[1], first[1])
        self.assertEqual(second, (first[0], first[0]))
        self.assertEqual(len(set(self.traced("b.py:2"))), 1)
        self.assertEqual({r["peak"] - r["bytes"] for r in self.ok(self.c.get("/v1/heap/classes"))["items"]}, {0})
        self.make("a.py:1", MIB)
        third = self.traced("a.py:1")
        self.assertGreaterEqual(third[1] - second[1], MIB)
        self.assertGreaterEqual(third[1], third[0])
        self.drop(keeper)

    def test_the_peak_of_many_sites_begins_anew(self):
        """In steps, all of them."""
        for n in range(3000):
            self.ok(self.c.post("/v1/batch?reply=summary", '["bytes","eHh4"]\n["bytes","eHh4"]\n["hold","@0"]\n', {"Heapd-Site": f"s{n}"}))
        rows = self.pages("/v1/heap/sites", 1000)
        self.assertEqual({r["peak"] // r["bytes"] for r in rows if r["site"]}, {2})
        self.reset_peak()
        rows = self.pages("/v1/heap/sites", 1000)
        self.assertEqual(({r["peak"] - r["bytes"] for r in rows}, len(rows)), ({0}, 3000))

    def test_case_43_two_snapshots_compared_by_site(self):
        """compare_to(): the sites a:2, a:5, b:1, c:578 and "?", with what each has and what it has gained."""
        old = [("a:2", 10)] * 3 + [("a:5", 2), ("b:1", 66), ("?", 7)]
        ids = [(site, length, self.make(site, length)) for site, length in old]
        self.ok(self.c.post("/v1/snapshots"), 201)
        for site, length, i in ids:
            if site in ("b:1", "?"):
                self.drop(i)
        self.make("a:5", 5000)
        self.make("c:578", 400)
        self.ok(self.c.post("/v1/snapshots"), 201)
        of = {length: self.doc(self.make("", length))["bytes"] for length in (7, 66, 400, 5000)}       # what they are here
        rows = {r["site"]: r for r in self.ok(self.c.get("/v1/snapshots/1/diff/2"))["sites"]}
        grown = {site: (r["count"], r["growth"]["bytes"], r["growth"]["count"]) for site, r in rows.items()}
        self.assertEqual(grown, {"a:5": (2, of[5000], 1), "c:578": (1, of[400], 1), "b:1": (0, -of[66], -1),
                                 "?": (0, -of[7], -1)})                 # a:2 has as much as it had
        order = [r["growth"]["bytes"] for r in rows.values()]
        self.assertEqual(order, sorted(order, reverse=True))            # what has grown most comes first
        self.assertEqual(next(iter(rows)), "a:5")
        since = {r["site"]: (r["growth"], r["count_growth"]) for r in self.ok(self.c.get("/v1/heap/sites?since=1"))["items"]}
        self.assertEqual((since["a:2"], since["a:5"], since["c:578"], since["b:1"]), ((0, 0), (of[5000], 1), (of[400], 1), (-of[66], -1)))


if __name__ == "__main__":
    unittest.main()

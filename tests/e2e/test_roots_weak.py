"""test_roots_weak.py - names that keep an object alive, and names that only watch it."""
import unittest

from heapd_test import HeapdTest

NAMES = {"a b": "a%20b", "a/b/c": "a%2Fb%2Fc", "ü\U0001f600": "%C3%BC%F0%9F%98%80", "100%": "100%25",
         "q?x=1&y#z": "q%3Fx%3D1%26y%23z", "$ref": "$ref", "+": "+", "..": "%2E%2E",
         "n" * 255: "n" * 255}


class Names(HeapdTest):
    fresh = True

    def names(self, kind, query="", limit=None):
        return [x["name"] for x in self.pages(f"/v1/{kind}{query}", limit)]

    def test_a_root_keeps_alive_and_shows_its_object(self):
        i = self.new()
        self.root("cache", i)
        self.assertEqual(self.ok(self.c.get("/v1/roots/cache")), {"$ref": i})
        self.assertEqual(self.drop(i), {"alive": True, "refs": 1})
        self.assertEqual(self.doc(i)["refs"], 1)
        self.unroot("cache")
        self.assertFalse(self.alive(i))

    def test_every_root_counts_and_the_same_name_only_once(self):
        a, b = self.new(), self.new()
        for name in ("one", "two", "two"):
            self.root(name, a)
        self.assertEqual(self.doc(a)["refs"], 3)
        self.root("two", b)                                         # the old one is let go
        self.assertEqual((self.doc(a)["refs"], self.doc(b)["refs"]), (2, 2))
        self.assertEqual(self.ok(self.c.get("/v1/roots/two")), {"$ref": b})

    def test_names_are_percent_encoded_in_paths_and_plain_in_lists(self):
        i = self.new()
        for kind in ("roots", "weak"):
            for name, path in NAMES.items():
                self.ok(self.c.put(f"/v1/{kind}/{path}", {"$ref": i}), 200, 201, 204)
                self.assertEqual(self.ok(self.c.get(f"/v1/{kind}/{path}")), {"$ref": i})
            self.assertEqual(sorted(self.names(kind)), sorted(NAMES))
            self.assertEqual(sorted(self.names(kind, limit=2)), sorted(NAMES))
            for path in NAMES.values():
                self.ok(self.c.delete(f"/v1/{kind}/{path}"), 200, 204)
            self.assertEqual(self.names(kind), [])

    def test_the_list_is_filtered_by_prefix_and_paged(self):
        i = self.new()
        want = [f"p/{n:03}" for n in range(250)]
        self.done(*[["root", name, i] for name in want + ["q", "pp"]])
        self.assertEqual(sorted(self.names("roots", "?prefix=p/")), want)
        self.assertEqual(sorted(self.names("roots", "?prefix=p%2F", 99)), want)
        self.assertEqual(self.names("roots", "?prefix=none"), [])
        self.assertEqual(len(self.names("roots")), 252)
        self.assertEqual(self.doc(i)["refs"], 253)
        self.assertEqual({x["$ref"] for x in self.pages("/v1/roots")}, {i})

    def test_an_unknown_name_is_404(self):
        for kind in ("roots", "weak"):
            for method in ("GET", "DELETE"):
                self.problem(self.c.request(method, f"/v1/{kind}/nobody"), 404, "no-such-name")

    def test_names_have_1_to_255_bytes_and_no_nul(self):
        i = self.new()
        for kind in ("roots", "weak"):
            for bad in ("n" * 256, "%C3%BC" * 128, "a%00b", "%FF", "%zz", "%2"):
                self.problem(self.c.put(f"/v1/{kind}/{bad}", {"$ref": i}), (400, 404, 414, 422))
            self.assertEqual(self.names(kind), [])

    def test_a_body_that_is_no_link_is_refused(self):
        i = self.new()
        for kind in ("roots", "weak"):
            for bad in (i, {}, [], "null", {"$weak": i}, {"$ref": str(i)}, {"$ref": i, "x": 1}, {"id": i}, '"x"'):
                self.problem(self.c.put(f"/v1/{kind}/n", bad), (400, 422))
            self.problem(self.c.put(f"/v1/{kind}/n", {"$ref": i + 999999}), 422, "dangling")
            self.problem(self.c.put(f"/v1/{kind}/n", {"$ref": self.dead_id()}), 422, "dangling")
            self.assertEqual(self.names(kind), [])

    def test_a_weak_name_keeps_nothing_and_reads_null_after_the_death(self):
        i = self.new()
        self.ok(self.c.put("/v1/weak/watched", {"$ref": i}), 200, 201, 204)
        self.assertEqual(self.doc(i)["refs"], 1)
        self.assertEqual(self.ok(self.c.get("/v1/weak/watched")), {"$ref": i})
        self.assertEqual(self.drop(i), {"alive": False})
        said = self.c.get("/v1/weak/watched")
        self.assertEqual((said.status, said.raw.strip()), (200, b"null"))
        self.assertEqual(self.names("weak"), ["watched"])
        j = self.new()
        self.ok(self.c.put("/v1/weak/watched", {"$ref": j}), 200, 201, 204)
        self.assertEqual(self.ok(self.c.get("/v1/weak/watched")), {"$ref": j})
        self.ok(self.c.delete("/v1/weak/watched"), 200, 204)
        self.problem(self.c.get("/v1/weak/watched"), 404, "no-such-name")
        self.assertTrue(self.alive(j))

    def test_a_weak_name_on_a_dead_cycle_reads_null_once_it_is_collected(self):
        self.gc(enabled=False)
        i = self.new()
        self.link(i, "me", i)
        self.ok(self.c.put("/v1/weak/ring", {"$ref": i}), 200, 201, 204)
        self.drop(i)
        self.assertEqual(self.ok(self.c.get("/v1/weak/ring")), {"$ref": i})
        self.assertEqual(self.collect(), 1)
        self.assertIsNone(self.ok(self.c.get("/v1/weak/ring")))

    def test_a_rooted_cycle_dies_only_after_its_root(self):
        self.gc(enabled=False)
        a, b = self.new(), self.new()
        self.link(a, "b", b)
        self.link(b, "a", a)
        self.root("r", a)
        self.drop(a)
        self.drop(b)
        self.assertEqual(self.collect(), 0)
        self.unroot("r")
        self.assertEqual(self.collect(), 2)
        self.assertFalse(self.alive(a) or self.alive(b))


if __name__ == "__main__":
    unittest.main()

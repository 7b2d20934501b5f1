"""test_why.py - why an object is alive, as chains and as a graph; what would go with it; who holds it, whoever that is."""
import json
import random
import re
import shutil
import subprocess
import threading
import unittest

from heapd_test import HeapdTest, STRESSED, eventually
from test_doors import READ, Files


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
            self.assertEqual(self.ok(self.c.get(f"/v1/roots/{first['root']}"))["$ref"], held[0])
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


if __name__ == "__main__":
    unittest.main()

"""
A million objects in rings, killed and started again: all of them are there, as they were linked, and those that nobody reaches
are found, whether they were let go of before it or after.

With a collector that never rests it is less of them.
"""
import json
import unittest

from heapd_test import STRESSED
from store_test import StoreTest

RING = 10              # objects in one
RINGS_A_BATCH = 1000
OBJECTS = 100_000 if STRESSED else 1_000_000


def rings(into):
    """A batch that makes rings and puts one of each into a list."""
    ops = []
    for n in range(RINGS_A_BATCH):
        first = n * (RING + 2)
        ops.append(["new", "Ring", {"at": 0, "next": None}])
        ops += [["new", "Ring", {"at": i, "next": {"$ref": f"@{first + i - 1}"}}] for i in range(1, RING)]
        ops += [["set", f"@{first}", "next", {"$ref": f"@{first + RING - 1}"}], ["push", into, {"$ref": f"@{first}"}]]
    return "\n".join(map(json.dumps, ops))


class LargeRestart(StoreTest):
    def fill(self, name, share):
        """So much of all objects, below a root."""
        into = self.new(items=[], root=name)
        batch, count = rings(into), int(OBJECTS * share) // (RING * RINGS_A_BATCH)
        for _ in range(count):
            said = self.c.post("/v1/batch?reply=summary", batch)
            self.assertEqual(json.loads(said.raw), {"done": RINGS_A_BATCH * (RING + 2), "failed": 0})
        return into, count * RINGS_A_BATCH

    def objects(self):
        return self.heap()["objects"]

    def whole(self, into, count, samples=40):
        """Rings from all over the list lead back to where they began."""
        for n in range(0, count, max(1, count // samples)):
            first = self.ok(self.c.get(f"/v1/objects/{into}/items/{n}"))["$ref"]
            doc = self.doc(first, f"?depth={RING}")
            self.assertEqual((doc["refs"], doc["fields"]["at"]), (2, 0))
            for i in range(RING - 1, 0, -1):
                doc = doc["fields"]["next"]["$doc"]
                self.assertEqual((doc["refs"], doc["fields"]["at"]), (1, i))
            self.assertEqual(doc["fields"]["next"]["$ref"], first)

    def collect(self):
        return self.ok(self.c.post("/v1/gc/collect", {"generation": 2}))["collected"]

    def test_all_of_it_is_there_and_what_nobody_reaches_goes(self):
        self.ok(self.c.patch("/v1/gc?persist=true", {"enabled": False, "full_age_s": 0}))
        kept, later, before = (self.fill(name, share) for name, share in (("kept", 0.5), ("later", 0.3), ("before", 0.2)))
        all_of_it = 3 + RING * (kept[1] + later[1] + before[1])
        self.assertEqual(self.objects(), all_of_it)
        self.unroot("before")
        self.assertEqual(self.objects(), all_of_it - 1)      # the list: its rings hold themselves

        self.again()
        self.assertEqual(self.objects(), all_of_it - 1)
        self.whole(*kept)
        self.whole(*later)
        self.assertEqual(self.collect(), RING * before[1])
        self.assertEqual(self.collect(), 0)
        self.unroot("later")
        self.assertEqual(self.collect(), RING * later[1])
        self.validate_clean()
        self.assertEqual(self.objects(), 1 + RING * kept[1])

        self.fold()
        self.again()
        self.assertEqual(self.objects(), 1 + RING * kept[1])
        self.whole(*kept)
        self.assertEqual(self.collect(), 0)
        self.unroot("kept")
        self.assertEqual(self.collect(), RING * kept[1])
        self.again(well=True)
        self.assertEqual(self.objects(), 0)


if __name__ == "__main__":
    unittest.main()

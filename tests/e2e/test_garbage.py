"""
test_garbage.py - what save-all keeps is looked at, rescued and cleared; also without memory, and in the middle.
"""
import unittest

from heapd_test import eventually
from test_gc import Graph


class Garbage(Graph):
    def begin(self):
        super().begin()
        self.gc(debug=["saveall"])

    def garbage(self, limit=None):
        return [d["id"] for d in self.pages("/v1/gc/garbage", limit)]

    def saved_ring(self, count):
        ids = self.ring(count)
        self.drop(ids[0])
        self.assertEqual(self.collect(), count)
        return ids

    def clear(self):
        self.ok(self.c.delete("/v1/gc/garbage"), 200, 204)


class Looking(Garbage):
    def test_the_list_comes_in_pages_of_documents(self):
        ids = self.saved_ring(250)
        for limit in (1, 7, 100, 1000):
            self.assertEqual(sorted(self.garbage(limit)), sorted(ids))
        doc = self.pages("/v1/gc/garbage", 1)[0]
        self.assertEqual(doc, self.doc(doc["id"]))
        self.assertEqual((doc["class"], doc["refs"], self.gc()["garbage"], self.heap()["objects"]), ("Ring", 2, 250, 250))

    def test_a_page_that_was_begun_goes_on_while_the_list_grows(self):
        first = self.saved_ring(50)
        page = self.ok(self.c.get("/v1/gc/garbage?limit=10"))
        self.saved_ring(30)
        seen = [d["id"] for d in page["items"]]
        while page["next"] is not None:
            page = self.ok(self.c.get(f"/v1/gc/garbage?limit=10&cursor={page['next']}"))
            seen += [d["id"] for d in page["items"]]
        self.assertLessEqual(set(first), set(seen))
        self.assertEqual(len(seen), len(set(seen)))

    def test_garbage_stays_changeable(self):
        ids = self.saved_ring(3)
        self.put(ids[1], "note", "seen")
        self.assertEqual([d["fields"]["note"] for d in self.pages("/v1/gc/garbage") if "note" in d["fields"]], ["seen"])


class Rescuing(Garbage):
    def test_what_is_linked_again_lives_on_with_all_it_reaches(self):
        saved, lost = self.saved_ring(100), self.saved_ring(60)
        keeper = self.new({"saved": {"$ref": saved[40]}}, root="keeper")
        self.clear()
        self.assertEqual((self.garbage(), self.gc()["garbage"], self.alive(lost[0])), ([], 0, True))
        self.gc(debug=[])
        self.assertEqual(self.collect(), 60)
        self.assertEqual((all(map(self.alive, saved)), any(map(self.alive, lost))), (True, False))
        self.unlink(keeper, "saved")
        self.assertEqual(self.collect(), 100)

    def test_what_is_held_or_rooted_lives_on(self):
        a, b, c = self.saved_ring(5), self.saved_ring(6), self.saved_ring(7)
        self.ok(self.c.put(f"/v1/objects/{a[2]}/hold"))
        self.root("b", b[3])
        self.gc(debug=[])
        self.clear()
        self.assertEqual(self.collect(), 7)
        self.assertEqual([all(map(self.alive, ids)) for ids in (a, b, c)], [True, True, False])

    def test_a_cycle_that_is_cut_while_it_is_saved_dies_by_counting(self):
        ids = self.saved_ring(40)
        self.unlink(ids[0], "next")
        self.clear()
        self.assertTrue(eventually(lambda: self.heap()["objects"] == 0))
        self.assertEqual(self.collect(), 0)


class Clearing(Garbage):
    def test_what_is_cleared_is_ordinary_garbage(self):
        ids = self.saved_ring(30)
        self.assertEqual(self.collect(), 0)                         # the list holds it
        self.clear()
        self.assertEqual((self.collect(), sorted(self.garbage())), (30, sorted(ids)))    # saved again
        self.gc(debug=[])
        self.clear()
        self.assertEqual((self.collect(), self.heap()["objects"]), (30, 0))
        self.clear()

    def test_a_long_list_is_cleared_in_steps(self):
        self.saved_ring(50000)
        self.gc(debug=[])
        self.clear()
        self.assertEqual((self.gc()["garbage"], self.collect(), self.heap()["objects"]), (0, 50000, 0))

    def test_garbage_that_nothing_rescued_is_let_go_at_the_end(self):
        self.saved_ring(1000)                                       # the end of the daemon finds nothing broken


class WithoutMemory(Garbage):
    def room(self, more):
        used = self.heap()["bytes"]["accounted"]
        self.ok(self.c.patch("/v1/config", {"memory_bytes_max": used + more}))

    def test_what_finds_no_place_on_the_list_is_found_again(self):
        ids = self.ring(20000)
        self.drop(ids[0])
        self.room(16384)
        self.assertEqual(self.collect(), 20000)                     # found; not all could be noted
        kept = self.gc()["garbage"]
        self.assertLess(kept, 20000)
        self.assertEqual(self.heap()["objects"], 20000)
        self.validate_clean()
        self.ok(self.c.patch("/v1/config", {"memory_bytes_max": 0}))
        self.clear()
        self.assertEqual(self.collect(), 20000)
        self.assertEqual(sorted(self.garbage(1000)), sorted(ids))

    def test_clearing_needs_no_memory(self):
        self.saved_ring(20000)
        self.room(1024)
        self.gc(debug=[])
        self.clear()
        self.assertEqual((self.gc()["garbage"], self.collect(), self.heap()["objects"]), (0, 20000, 0))
        self.ok(self.c.patch("/v1/config", {"memory_bytes_max": 0}))


BEFORE_THE_FLIP = ("close", "mark", "prove", "copy", "subtract", "spread")


class InTheMiddle(Garbage):
    """Whether a collection saves is decided when it begins."""

    def live(self):
        """So many that a collection takes longer than it takes to ask whether it has begun."""
        self.grow(300000, self.new(items=[], root="many"))

    def collect_and(self, change):
        """Starts a full collection, changes debug in the middle; what it found."""
        self.gc(pause_budget_us=1)
        collecting = self.wire().ask("POST", "/v1/gc/collect")      # no thread has to start before the first look
        self.assertTrue(eventually(lambda: self.gc()["phase"] in BEFORE_THE_FLIP, pause=0))
        self.assertIn(self.gc(debug=change)["phase"], (*BEFORE_THE_FLIP, "condemn"))
        said = self.ok(collecting.answer("POST"))
        self.gc(pause_budget_us=500)
        return said["collected"]

    def test_save_all_turned_off_in_the_middle_still_saves(self):
        self.live()
        ids = self.ring(3000)
        self.drop(ids[0])
        self.assertEqual(self.collect_and([]), 3000)
        self.assertEqual((self.gc()["debug"], sorted(self.garbage(1000))), ([], sorted(ids)))
        self.clear()
        self.assertEqual((self.collect(), any(map(self.alive, ids[::100]))), (3000, False))

    def test_save_all_turned_on_in_the_middle_saves_from_the_next_on(self):
        self.gc(debug=[])
        self.live()
        ids = self.ring(3000)
        self.drop(ids[0])
        self.assertEqual(self.collect_and(["saveall"]), 3000)
        self.assertEqual((self.garbage(), any(map(self.alive, ids[::100]))), ([], False))
        self.saved_ring(10)


if __name__ == "__main__":
    unittest.main()

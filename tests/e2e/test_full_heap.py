"""
test_full_heap.py - at --max-memory a request is refused with 507, nothing has changed, and all goes on.
"""
import json
import unittest

from heapd_test import HeapdTest, eventually

OCTETS = {"Content-Type": "application/octet-stream"}


class FullHeap(HeapdTest):
    options = ("--max-memory", "4M")
    fresh = True

    def fill(self):
        """Bytes, until there is room for 10 to 20 thousand more."""
        spare = self.ok(self.c.post("/v1/objects", b"b" * 10_000, OCTETS), 201)["id"]
        for size in (100_000, 10_000):
            while (said := self.c.post("/v1/objects", b"b" * size, OCTETS)).status == 201:
                pass
            self.problem(said, 507, "heap-full")
        self.drop(spare)

    def test_json_that_has_no_room_is_refused_however_large_it_is(self):
        i = self.new({"a": 1})
        room = self.ok(self.c.post("/v1/objects", b"b" * 50_000, OCTETS), 201)["id"]
        self.fill()
        before = self.heap()["objects"]
        for size in (*range(0, 20_000, 499), 50_000, 100_000, 500_000, 1_000_000):
            text = json.dumps({"a": "q" * size, "b": {"c": ["é" * 10]}})
            said = self.c.patch(f"/v1/objects/{i}", text)
            if said.status == 200:
                self.ok(self.c.patch(f"/v1/objects/{i}", {"a": 1, "b": None}))
            else:
                self.problem(said, 507, "heap-full")
        self.assertEqual(self.heap()["objects"], before)
        self.drop(room)                                             # pools may have taken what there was
        self.ok(self.c.patch(f"/v1/objects/{i}", {"a": 1}))
        self.ok(self.c.delete("/v1/sessions/0"))
        self.assertTrue(eventually(lambda: self.gc()["doomed"] == 0))  # memory comes back in steps
        self.ok(self.c.post("/v1/objects", {"fields": {"s": "q" * 100_000}}), 201)
        self.validate_clean()

    def test_what_is_refused_for_lack_of_room_has_changed_nothing(self):
        i = self.new({"a": "first"})
        kept = [self.c.post("/v1/objects", b"b" * 10_000, OCTETS).json["id"] for _ in range(8)]
        self.fill()
        for k in kept:
            self.ok(self.c.delete(f"/v1/objects/{k}"))
        for size in range(0, 60_000, 127):
            before = self.c.get(f"/v1/objects/{i}").headers["etag"]
            said = self.c.patch(f"/v1/objects/{i}", {"a": "q" * size, "n": {}})
            if said.status == 507:
                self.assertEqual(self.c.get(f"/v1/objects/{i}").headers["etag"], before, size)
        self.validate_clean()

    def test_a_batch_ends_at_the_op_that_has_no_room(self):
        self.fill()
        ops = json.dumps(["list", ["q" * 40_000]]) + "\n"
        lines = [json.loads(line) for line in self.c.post("/v1/batch", ops * 50).raw.splitlines()]
        self.assertEqual((lines[-2]["problem"]["status"], lines[-1]["failed"]), (507, 1))
        self.validate_clean()

    def test_a_recount_has_no_room_either_until_it_is_given_some(self):
        self.fill()
        for size in (1000, 100):
            while self.c.post("/v1/objects", b"b" * size, OCTETS).status == 201:
                pass
        refused = self.problem(self.c.post("/v1/heap/validate"), 507, "heap-full")
        self.assertIn("account", refused["detail"])
        self.ok(self.c.patch("/v1/config", {"memory_bytes_max": 0}))
        self.assertEqual(self.ok(self.c.post("/v1/heap/validate")), {"broken": []})


if __name__ == "__main__":
    unittest.main()

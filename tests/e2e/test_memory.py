"""
test_memory.py - every byte has a name, the sums add up to what the system says, and memory goes back.

What must add up is said in README.md, "Where the bytes are". Sanitizers keep memory of their own that nobody here
can name: those sums are then not looked at.
"""
import base64
import json
import os
import time
import unittest

from heapd_test import STRESSED, HeapdTest, eventually, request

MIB = 1 << 20
DAY_MS = 86400000
OCTETS = {"Content-Type": "application/octet-stream"}


class Memory(HeapdTest):
    fresh = True

    def begin(self):
        super().begin()
        pid = self.daemon.process.pid
        self.statm = f"/proc/{pid}/statm"
        with open(f"/proc/{pid}/maps") as maps:
            self.sanitized = "libasan" in maps.read()

    def rss(self):
        """As the system tells it; heapd does not hear of this."""
        with open(self.statm) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def config(self, **patch):
        return self.ok(self.c.patch("/v1/config", patch))

    def purge(self):
        return self.ok(self.c.post("/v1/heap/purge"))["bytes"]

    def chains(self, count):
        """`count` chains of 10,000 objects in a list under a root."""
        items = self.new(items=[], root="chains")
        body = b'["new","Link",{}]\n' + b"".join(b'["new","Link",{"n":%d,"next":{"$ref":"@%d"}}]\n' % (n, n)
                                                 for n in range(9999)) + b'["push",%d,{"$ref":"@9999"}]\n' % items
        for _ in range(count):
            self.assertEqual(json.loads(self.c.post("/v1/batch?reply=summary", body).raw), {"done": 10001, "failed": 0})

    def let_go(self):
        for name in self.pages("/v1/roots"):
            self.unroot(name["name"])
        self.ok(self.c.delete("/v1/sessions/0"), 200, 204)
        self.collect()
        self.assertTrue(eventually(lambda: self.heap()["objects"] == 0 and self.gc()["doomed"] == 0))


class Sums(Memory):
    def assert_adds_up(self):
        eventually(lambda: self.heap()["bytes"]["other"] < MIB)     # a long body's memory goes back beside the loop
        heap = self.heap()
        b, rss, outside = heap["bytes"], heap["rss"], self.rss()
        whose = b["live"] + b["doomed"] + b["shared"] - 8 * (heap["objects"] + heap["doomed"])
        self.assertEqual(whose + b["packing"], b["in_use"] + b["large"], heap)
        self.assertEqual(b["committed"], b["in_use"] + b["pool_free"] + b["dirty"])
        self.assertEqual(b["accounted"], sum(b[k] for k in ("committed", "large", "side", "gc", "sessions", "snapshots", "idempotency",
                                                            "events", "other")))
        self.assertEqual(rss, b["accounted"] - b["untouched"] + b["connections"] + b["allocator"] + b["program"] + b["rest"])
        self.assertEqual([k for k, n in b.items() if n < 0 and k != "rest"], [], b)
        self.assertLess(b["other"], MIB, b)                         # one small request is all there is
        if not self.sanitized:
            self.assertLessEqual(abs(b["rest"]), max(8 * MIB, rss // 20), b)
            self.assertLessEqual(abs(rss - outside), MIB)
        return b

    def test_nothing(self):
        b = self.assert_adds_up()
        self.assertEqual((b["live"], b["doomed"], b["large"], b["dirty"]), (0, 0, 0, 0))

    def test_snapshots_and_after_they_are_deleted(self):
        self.chains(20)
        self.ok(self.c.post("/v1/snapshots"), 201)
        self.ok(self.c.post("/v1/snapshots"), 201)
        b = self.assert_adds_up()
        self.assertGreater(b["snapshots"], 2 * 200000 * 24)
        self.ok(self.c.delete("/v1/snapshots/1"))
        self.ok(self.c.delete("/v1/snapshots/2"))
        self.assertTrue(eventually(lambda: self.heap()["bytes"]["snapshots"] == 0))
        self.assert_adds_up()

    def test_many_small_objects_and_after_they_are_gone(self):
        self.config(purge_decay_ms=DAY_MS)
        before = self.assert_adds_up()
        self.chains(20)
        full = self.assert_adds_up()
        self.assertGreater(full["live"], 200000 * 20)
        self.assertGreater(full["gc"] + full["side"], before["gc"] + before["side"])
        self.let_go()
        dropped = self.assert_adds_up()
        purged = self.purge()
        if not STRESSED:                                            # there it has gone back already
            self.assertGreater(dropped["dirty"] + dropped["pool_free"], full["in_use"] // 2)
            self.assertGreater(purged, full["in_use"] // 2)
        self.assertEqual(self.assert_adds_up()["dirty"], 0)

    def test_bytes_objects_small_and_large(self):
        items = self.new(items=[], root="bytes")
        line = json.dumps(["bytes", base64.b64encode(os.urandom(1000)).decode()])
        for _ in range(25):
            self.batch(*[op for n in range(1000) for op in (line, ["push", items, {"$ref": f"@{2 * n}"}])],
                       query="?reply=summary")
        for _ in range(25):
            self.ok(self.c.post(f"/v1/objects?into={items}", os.urandom(MIB), OCTETS), 201)
        b = self.assert_adds_up()
        self.assertGreater(b["large"], 49 * MIB)
        self.let_go()
        self.assertLess(self.assert_adds_up()["large"], MIB)
        self.purge()
        b = self.assert_adds_up()
        if not self.sanitized:
            self.assertLess(b["allocator"], 4 * MIB)

    def test_many_strings_names_and_classes(self):
        for k in range(0, 20000, 1000):
            self.batch(*[op for n in range(k, k + 1000)
                         for op in (["new", f"C{n}", {f"f{n}": "x" * (n % 700) + str(n), "g": n}], ["hold", f"@{2 * (n - k)}"])],
                       query="?reply=summary")
        b, heap = self.assert_adds_up(), self.heap()
        self.assertGreaterEqual(heap["classes"], 20000)
        self.assertGreaterEqual(heap["shapes"], 20000)
        self.assertGreaterEqual(heap["strings"], 60000)
        self.assertGreater(b["side"], 20000 * 100)
        self.assertGreater(b["sessions"], 20000 * 16)
        self.let_go()
        self.purge()
        self.assertLess(self.assert_adds_up()["shared"], MIB)

    def test_dictionaries_long_lists_and_long_strings(self):
        self.new({f"field{n}": n for n in range(20000)}, root="dictionary")
        self.new(items=[{"n": n} for n in range(20000)], root="list")
        self.new({f"s{n}": "long" * 20000 for n in range(10)}, root="strings")
        self.assertGreater(self.assert_adds_up()["large"], 10 * 80000)
        self.let_go()
        self.assert_adds_up()

    def test_sessions_and_their_holds(self):
        before = self.assert_adds_up()["sessions"]
        client = self.session()[1]
        for _ in range(20):
            self.batch(*[op for n in range(1000) for op in (["new", "Held", {}], ["hold", f"@{2 * n}"])], query="?reply=summary",
                       client=client)
        self.assertGreater(self.assert_adds_up()["sessions"], before + 20000 * 16)
        self.ok(client.delete("/v1/sessions/self"), 200, 204)
        self.assertTrue(eventually(lambda: self.heap()["objects"] == 0))
        self.assertLess(self.assert_adds_up()["sessions"], before + 65536)


class GoingBack(Memory):
    def test_an_idle_daemon_gives_memory_back_by_itself(self):
        if self.sanitized:
            self.skipTest("sanitizers keep what was freed")
        self.config(purge_decay_ms=1500)
        self.chains(40)
        full = self.rss()
        self.let_go()
        end = self.heap()["bytes"]["dirty"]
        self.assertGreater(end, 4 * MIB)
        self.assertTrue(eventually(lambda: self.rss() < full - end + MIB), (full, self.rss(), end))   # nobody calls it meanwhile
        self.assertLess(self.heap()["bytes"]["dirty"], MIB)

    def test_sparse_pools_are_packed_by_themselves_and_ids_stay(self):
        """One of ten of 300,000 objects stays: no pool is empty, and still most of the memory goes back."""
        self.config(purge_decay_ms=500)
        all_of_them, kept = self.new(items=[], root="all"), self.new(items=[], root="kept")
        body = b"".join(b'["new","Wide",{"a":%d,"b":2,"c":3}]\n["push",%d,{"$ref":"@%d"}]\n' %
                        (n, all_of_them if n % 10 else kept, 2 * n) for n in range(5000))
        for _ in range(60):
            self.assertEqual(json.loads(self.c.post("/v1/batch?reply=summary", body).raw), {"done": 10000, "failed": 0})
        full = self.heap()["bytes"]
        ids = [x["$ref"] for x in self.ok(self.c.get(f"/v1/objects/{kept}/items?limit=1000"))["items"]]
        self.unroot("all")
        self.assertTrue(eventually(lambda: self.gc()["doomed"] == 0 and self.heap()["objects"] == 30002 - 1))
        self.assertTrue(eventually(lambda: self.heap()["bytes"]["committed"] < full["committed"] // 3), self.heap()["bytes"])
        self.assertGreater(self.gc()["pauses_by_phase"]["pack"]["seconds"], 0)
        self.assertEqual([self.doc(i)["fields"]["a"] for i in ids[:1000:50]], [n * 10 % 5000 for n in range(0, 1000, 50)])
        self.validate_clean()

    @unittest.skipIf(STRESSED, "a build that tidies all the time does not wait")
    def test_memory_waits_for_its_decay(self):
        self.config(purge_decay_ms=DAY_MS)
        self.chains(5)
        self.let_go()
        dirty = self.heap()["bytes"]["dirty"]
        self.assertGreater(dirty, 0)
        time.sleep(0.1)
        self.assertEqual(self.heap()["bytes"]["dirty"], dirty)
        self.config(purge_decay_ms=0)                               # live: what waits goes at once
        self.assertTrue(eventually(lambda: self.heap()["bytes"]["dirty"] == 0))

    def test_a_purge_does_not_wait_and_others_are_served(self):
        self.config(purge_decay_ms=DAY_MS)
        self.chains(20)
        self.let_go()
        dirty, w = self.heap()["bytes"]["dirty"], self.wire()
        w.send(request(self.daemon, "POST", "/v1/heap/purge"))
        self.new()
        self.assertGreaterEqual(self.ok(w.answer("POST"))["bytes"], dirty - MIB)
        self.assertLess(self.heap()["bytes"]["dirty"], MIB)
        self.assertEqual(self.purge(), 0)

    def test_settings_of_tidying_are_checked(self):
        config = self.config(purge_decay_ms=500, pack_used_pct=40)
        self.assertEqual((config["purge_decay_ms"], config["pack_used_pct"]), (500, 40))
        for bad in ({"purge_decay_ms": -1}, {"purge_decay_ms": DAY_MS + 1}, {"pack_used_pct": 100}, {"pack_used_pct": "x"}):
            self.problem(self.c.patch("/v1/config", bad), 422, "bad-value")
        config = self.config(purge_decay_ms=None, pack_used_pct=None)
        self.assertEqual((config["purge_decay_ms"], config["pack_used_pct"]), (10000, 25))


if __name__ == "__main__":
    unittest.main()

"""
test_gc_auto.py - when the collector starts by itself, what it does while others work, how it is tuned.

Numbered cases as in test_gc.py.
"""
import json
import threading
import time
import unittest

from heapd_test import WAIT, eventually, request
from test_gc import Graph


class Automatic(Graph):
    def begin(self):
        super().begin()
        self.list = self.new(items=[])
        self.collect()

    def test_case_15_disabled_means_never_by_itself(self):
        self.gc(thresholds=[5])
        before = self.runs()
        self.grow(50, self.list)
        self.drop(self.loop())
        self.assertEqual(self.quiet_runs(), before)
        self.assertGreater(self.counts()[0], 50)
        self.assertEqual(self.collect(), 1)

    def test_case_16_a_first_threshold_of_0_means_never_by_itself(self):
        self.gc(enabled=True, thresholds=[0])
        before = self.runs()
        self.grow(5000, self.list)
        self.assertEqual((self.quiet_runs(), self.counts()[0]), (before, 5000))

    def test_case_17_thresholds_left_out_keep_their_value(self):
        self.assertEqual(self.gc()["thresholds"], [2000, 10, 10])
        for sent, want in (([500], [500, 10, 10]), ([600, 7], [600, 7, 10]), ([650], [650, 7, 10]), ([1, 2, 3], [1, 2, 3]),
                           ([0], [0, 2, 3])):
            self.assertEqual(self.gc(thresholds=sent)["thresholds"], want)

    def test_case_18_what_is_no_generation_or_flag_is_refused(self):
        for bad in (3, -1, "2", 1.5, None, True, [2]):
            self.problem(self.c.post("/v1/gc/collect", {"generation": bad}), 422, "bad-value")
        for bad in (["nonsense"], "saveall", 32, [32], {"saveall": True}):
            self.problem(self.c.patch("/v1/gc", {"debug": bad}), 422, "bad-value")
        for bad in (3, -1):
            self.problem(self.c.get(f"/v1/objects?generation={bad}"), 422, "bad-value")

    def test_case_35_the_101st_net_creation_triggers(self):
        self.gc(enabled=True, thresholds=[100])
        before = self.runs()
        for _ in range(99):
            self.new(into={"id": self.list})
        self.drop(self.new())                                       # 100 for a moment
        self.new(into={"id": self.list})
        self.assertEqual((self.quiet_runs(), self.counts()[0]), (before, 100))
        self.new(into={"id": self.list})
        self.assertTrue(eventually(lambda: self.runs() == [before[0] + 1, *before[1:]]))
        self.assertEqual(self.counts(), [0, 1, 0])

    def test_case_35_creating_and_dropping_triggers_nothing(self):
        self.gc(enabled=True, thresholds=[100])
        slot, before = self.new(), self.runs()
        for _ in range(10):
            self.done(*[["set", slot, "x", {}]] * 800, query="?reply=summary")
        for _ in range(1000):
            self.drop(self.new())
        for _ in range(10):
            self.batch(*[["new", "Gone", {}]] * 90)
        self.assertEqual(self.quiet_runs(), before)
        self.assertEqual(self.counts()[0], 2)                       # slot, and what it links

    def test_case_36_the_older_generations_follow_at_their_turn(self):
        self.gc(enabled=True, thresholds=[50, 10, 10])
        start, seen = self.runs(), {}
        for trigger in range(1, 134):
            self.done(*[["push", self.list, {}]] * 51, query="?reply=summary")
            self.assertTrue(eventually(lambda: sum(self.runs()) - sum(start) == trigger), (trigger, self.runs()))
            now = [b - a for a, b in zip(start, self.runs())]
            for generation in (1, 2):
                if now[generation]:
                    seen.setdefault(generation, (trigger, now))
        self.assertEqual(seen, {1: (12, [11, 1, 0]), 2: (133, [121, 11, 1])})

    def test_case_38_full_collections_wait_for_a_quarter_of_growth(self):
        self.gc(thresholds=[10, 1, 1])
        self.grow(20000, self.list)
        self.collect()
        before = self.runs()
        self.gc(enabled=True)
        self.grow(4000, self.list, 100)
        after = self.quiet_runs()
        self.assertEqual(after[2], before[2])
        self.assertGreater(after[1], before[1])
        self.collect()
        before = self.runs()[2]
        self.grow(40000, self.list, 100)
        self.assertIn(self.quiet_runs()[2] - before, (3, 4))

    def test_case_45_a_producer_of_loops_never_gets_far_ahead(self):
        self.gc(enabled=True, thresholds=[2000, 10, 10])
        loops, rounds, together, worst, base = 100, 100, 100, 0, self.heap()["objects"]
        body = b"".join(b'["new","Loop",{}]\n["set","@%d","me",{"$ref":"@%d"}]\n' % (n, n) for n in range(0, 2 * loops, 2))
        one = request(self.daemon, "POST", "/v1/batch?reply=summary", body)
        w = self.wire()
        for _ in range(rounds):                                     # a million creations
            sender = threading.Thread(target=w.send, args=(one * together,))
            sender.start()
            for _ in range(together):
                self.assertEqual(json.loads(w.answer("POST").raw), {"done": 2 * loops, "failed": 0})
            sender.join()
            worst = max(worst, self.heap()["objects"] - base)
        self.assertLessEqual(worst, 3 * 2000)                       # the threshold and what came while collecting
        self.collect()
        self.assertEqual(self.heap()["objects"], base)
        self.assertEqual(sum(self.runs("collected")), loops * rounds * together)


class WhileItRuns(Graph):
    def test_case_40_a_long_chain_dies_in_steps_while_others_are_served(self):
        count, slowest = 200000, 0
        lines = b'["new","Chain",{}]\n' + b"".join(b'["new","Chain",{"next":{"$ref":"@%d"}}]\n' % n
                                                   for n in range(count - 1)) + b'["hold","@%d"]\n' % (count - 1)
        said = self.c.post("/v1/batch", lines).raw.splitlines()
        ids = [json.loads(said[n])["id"] for n in (0, count // 2, count - 1)]
        self.assertEqual(self.drop(ids[2]), {"alive": False})
        end = time.monotonic() + WAIT
        while self.heap()["objects"] and time.monotonic() < end:
            start = time.monotonic()
            self.drop(self.new())
            slowest = max(slowest, time.monotonic() - start)
        self.assertEqual(self.heap()["objects"], 0)
        self.assertFalse(any(map(self.alive, ids)))
        self.assertTrue(eventually(lambda: self.gc()["doomed"] == 0))
        self.assertLess(slowest, 0.25)

    def test_case_46_a_link_made_while_it_runs_saves_what_it_reaches(self):
        self.gc(pause_budget_us=50)
        self.grow(100000, self.new(items=[]))                       # so that a collection takes a while
        count, other, living = 1000, self.client(), self.heap()["objects"]
        saved = lost = 0
        for n in range(20):
            ids, said = self.ring(count), []
            self.drop(ids[0])
            collecting = threading.Thread(target=lambda: said.append(other.post("/v1/gc/collect")))
            collecting.start()
            time.sleep(n * 0.0005)
            answer = self.c.put("/v1/roots/x", {"$ref": ids[7]})
            collecting.join()
            found = self.ok(said[0])["collected"]
            if answer.status == 422:                                # it came too late, and all are gone
                self.problem(answer, 422, "dangling")
                lost += 1
                self.assertEqual((found, any(map(self.alive, ids[::100]))), (count, False))
                continue
            self.ok(answer, 200, 201, 204)
            saved += 1
            self.assertEqual(found, 0)
            self.assertEqual((self.doc(ids[0])["fields"], all(map(self.alive, ids[::100]))), ({"next": {"$ref": ids[-1]}}, True))
            self.unroot("x")
            self.assertEqual(self.collect(), count)
            self.assertFalse(any(map(self.alive, ids[::100])))
        self.assertEqual((saved + lost, self.heap()["objects"]), (20, living))

    def test_case_46_without_a_link_it_is_gone_when_the_answer_comes(self):
        ids = self.ring(5000)
        self.drop(ids[0])
        self.assertEqual(self.collect(), 5000)
        self.assertFalse(any(map(self.alive, ids[::50])))

    def test_waiting_calls_are_all_answered(self):
        self.drop(self.ring(20000)[0])
        said, clients = [], [self.client() for _ in range(8)]
        threads = [threading.Thread(target=lambda c=c, g=g: said.append(c.post("/v1/gc/collect", {"generation": g % 3}))) for g,
                   c in enumerate(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual([a.status for a in said], [200] * 8)
        self.assertEqual(max(self.ok(a)["collected"] for a in said), 20000)
        self.assertEqual((sum(self.runs("collected")), self.heap()["objects"]), (20000, 0))


class Tuning(Graph):
    def test_a_patch_is_checked_whole_before_anything_changes(self):
        before = self.gc()
        for bad in ({"enabled": True, "nonsense": 1}, {"pause_budget_us": 700, "enabled": 1},
                    {"thresholds": [5], "debug": ["nope"]}, {"thresholds": []}, {"thresholds": [1, 2, 3, 4]},
                    {"thresholds": [-1]}, {"thresholds": ["5"]}, {"thresholds": [1.5]}, {"thresholds": [True]}, {"thresholds": 5},
                    {"thresholds": {"0": 1}},
                    {"enabled": "yes"}, {"pause_budget_us": -1}, {"pause_budget_us": "x"}, {"pause_budget_us": 1.5},
                    {"full_bytes_pct": -1}, {"full_age_s": "x"},
                    {"full_age_s": 3, "counts": [0]}, {"phase": "idle"}, {"generations": []}):
            self.problem(self.c.patch("/v1/gc", bad), 422, "bad-value")
            self.assertEqual({**self.gc(), "pauses_us": 0}, {**before, "pauses_us": 0}, bad)
        for bad in ([], "5", "null"):
            self.problem(self.c.patch("/v1/gc", bad), (400, 422))

    def test_a_patch_answers_the_whole_new_document(self):
        said = self.gc(enabled=True, thresholds=[700], debug=["saveall"], pause_budget_us=400, full_bytes_pct=30, full_age_s=90)
        want = {"enabled": True, "thresholds": [700, 10, 10], "debug": ["saveall"], "pause_budget_us": 400, "full_bytes_pct": 30,
                "full_age_s": 90}
        self.assertEqual({k: said[k] for k in want}, want)
        self.assertEqual({k: v for k, v in self.gc().items() if k in want}, want)

    def test_the_document_has_every_member(self):
        doc = self.gc()
        self.assertLessEqual({"enabled", "phase", "thresholds", "counts", "generations", "frozen", "debug", "garbage",
                              "pause_budget_us", "full_bytes_pct", "full_age_s",
                              "pauses_us", "freed_by_refcount", "doomed"}, set(doc))
        self.assertEqual([set(g) >= {"objects", "collections", "collected", "uncollectable", "seconds"}
                          for g in doc["generations"]], [True] * 3)
        self.assertLessEqual({"count", "p50", "p99", "p999", "max"}, set(doc["pauses_us"]))
        self.assertEqual((doc["frozen"], doc["garbage"], doc["debug"], doc["doomed"]), (0, 0, [], 0))

    def test_a_threshold_takes_effect_at_once(self):
        items = self.new(items=[])
        self.collect()
        self.gc(enabled=True)
        before = self.runs()[0]
        self.grow(30, items)
        self.assertEqual(self.quiet_runs()[0], before)
        self.gc(thresholds=[20])
        self.new()
        self.assertTrue(eventually(lambda: self.runs()[0] == before + 1))

    def test_looking_changes_nothing(self):
        self.gc(enabled=True, thresholds=[5])
        ids = [self.new() for _ in range(4)]
        before = self.gc()
        for _ in range(50):
            for path in ("/v1/gc", "/v1/heap", f"/v1/objects/{ids[0]}", "/v1/gc/garbage", "/v1/gc/log", "/v1/objects",
                         f"/v1/objects/{ids[1]}/referrers"):
                self.ok(self.c.get(path))
        self.assertEqual(self.gc(), before)
        self.assertEqual(before["counts"], [4, 0, 0])

    def test_a_dry_run_tells_by_class_and_takes_nothing(self):
        a, b = self.pair()
        self.put(a, "doomed", {"x": 1})
        self.new(kind="Living")
        self.drop_all(a, b)
        said = json.dumps(self.ok(self.c.post("/v1/gc/collect", {"dry_run": True})))
        self.assertIn('"Node"', said)
        self.assertIn('"object"', said)
        self.assertNotIn('"Living"', said)

    def test_a_dry_run_changes_nothing(self):
        a, b = self.pair()
        self.put(a, "doomed", {"x": 1})
        other = self.new()
        self.drop_all(a, b)
        before = self.gc()
        self.ok(self.c.post("/v1/gc/collect", {"generation": 2, "dry_run": True}))
        after = self.gc()
        for g in after["generations"] + before["generations"]:
            del g["seconds"]                                        # looking takes time, too
        for name in ("counts", "generations", "garbage"):
            self.assertEqual(after[name], before[name], name)
        self.assertEqual((self.alive(a), self.alive(b), self.generation(a), self.generation(other)), (True, True, 0, 0))
        self.assertEqual(self.collect(), 3)

    def test_the_log_tells_of_the_last_collections(self):
        self.drop_all(*self.pair())
        self.collect(1)
        log = self.pages("/v1/gc/log")
        self.assertEqual([(x["generation"], x["collected"]) for x in log], [(1, 2)])
        self.assertIn("reason", log[0])
        self.gc(enabled=True, thresholds=[1])
        self.new(), self.new()
        self.assertTrue(eventually(lambda: len(self.pages("/v1/gc/log")) > 1))
        self.assertEqual(len({json.dumps(x["reason"]) for x in self.pages("/v1/gc/log")}), 2)


if __name__ == "__main__":
    unittest.main()

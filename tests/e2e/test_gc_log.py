"""
test_gc_log.py - each collection says why it started, what it found and what it cost; and looking starts none.
"""
import json
import re
import threading
import unittest
from datetime import datetime, timedelta, timezone

from heapd_test import STRESSED, UNREAD, WALKS, Client, eventually, request
from test_gc import Graph

OCTETS = {"Content-Type": "application/octet-stream"}
MEMBERS = {"number", "generation", "reason", "dry_run", "candidates", "collected", "uncollectable", "duration_us", "slices",
           "max_slice_us", "started", "ended", "freed_bytes"}


class Logged(Graph):
    def log(self):
        """The oldest first."""
        return self.pages("/v1/gc/log", 1000)[::-1]

    def last(self, reason):
        """The last collection that this started, once there is one."""
        self.assertTrue(eventually(lambda: [x for x in self.log() if x["reason"] == reason]), reason)
        return [x for x in self.log() if x["reason"] == reason][-1]


class Log(Logged):
    def test_the_last_hundred_are_remembered(self):
        for n in range(140):
            self.collect(n % 3)
        log = self.log()
        self.assertEqual([x["number"] for x in log], list(range(41, 141)))
        self.assertEqual([x["generation"] for x in log], [n % 3 for n in range(40, 140)])
        self.assertEqual({x["reason"] for x in log}, {"request"})
        for limit in (1, 7, 100):
            self.assertEqual(self.pages("/v1/gc/log", limit)[::-1], log)

    def test_each_says_what_it_found_and_what_it_cost(self):
        begun = datetime.now(timezone.utc)
        ids = self.ring(20000)
        self.drop(ids[0])
        said = self.ok(self.c.post("/v1/gc/collect"))
        run = self.log()[-1]
        self.assertLessEqual(MEMBERS, set(run))
        self.assertEqual({k: run[k] for k in said}, said)
        self.assertEqual((run["reason"], run["collected"], run["candidates"], run["dry_run"]), ("request", 20000, 20000, False))
        self.assertEqual(run["freed_bytes"], 20000 * 20)            # a header, a link, a share of the table
        self.assertGreaterEqual(run["duration_us"], run["max_slice_us"])
        self.assertGreaterEqual(run["slices"], 1)
        for name in ("started", "ended"):
            self.assertRegex(run[name], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        started, ended = (datetime.fromisoformat(run[k].replace("Z", "+00:00")) for k in ("started", "ended"))
        second = timedelta(seconds=1)
        self.assertTrue(begun - second < started <= ended < datetime.now(timezone.utc) + second, run)

    def test_a_dry_run_is_marked(self):
        self.drop_all(*self.pair())
        self.ok(self.c.post("/v1/gc/collect", {"dry_run": True}))
        self.collect()
        dry, real = self.log()
        self.assertEqual((dry["dry_run"], dry["would_collect"], dry["collected"], dry["freed_bytes"]), (True, 2, 0, 0))
        self.assertEqual((real["dry_run"], real["collected"], "would_collect" in real), (False, 2, False))

    def test_two_in_a_row_each_have_their_own_cost(self):
        clients = [self.client() for _ in range(3)]
        for n in range(20):
            self.drop(self.loop())
            wires = [self.wire() for _ in range(3)]
            for g, w in enumerate(wires):
                w.send(request(self.daemon, "POST", "/v1/gc/collect", {"generation": g}))
            for w in wires:
                self.ok(w.answer("POST"))
        log = self.log()
        measured = [x for x in log if x["slices"] >= 1]
        self.assertTrue(all(x["started"] <= x["ended"] for x in measured))
        self.assertTrue(STRESSED or measured == log)                # there some run between operations, unmeasured
        self.assertEqual(sum(x["collected"] for x in log), 20)
        self.assertEqual(len(clients), 3)


class Reasons(Logged):
    def test_a_count_above_its_threshold(self):
        self.gc(enabled=True, thresholds=[50])
        self.grow(52, self.new(items=[]))
        run = self.last("count")
        self.assertEqual((run["generation"], run["collected"]), (0, 0))
        self.assertGreater(run["candidates"], 50)

    def test_new_bytes_held_by_few_objects(self):
        """A loop that holds 1 MiB: counts would never find it."""
        self.gc(enabled=True, thresholds=[100000], full_bytes_pct=25)
        for _ in range(40):
            i = self.loop()
            self.ok(self.c.post(f"/v1/objects?into={i}&field=blob", b"x" * (1 << 20), OCTETS), 201)
            self.drop(i)
        run = self.last("bytes")
        self.assertEqual(run["generation"], 2)
        self.assertGreater(run["collected"], 0)
        self.assertGreater(run["freed_bytes"], run["collected"] << 20)
        self.assertLess(self.heap()["bytes"]["live"], 40 << 20)

    def test_new_bytes_start_nothing_when_that_is_off(self):
        self.gc(enabled=True, thresholds=[100000], full_bytes_pct=0)
        for _ in range(40):
            self.drop(self.ok(self.c.post("/v1/objects", b"x" * (1 << 20), OCTETS), 201)["id"])
        self.assertEqual((self.quiet_runs(), self.log()), ([0, 0, 0], []))

    def test_age_after_a_count_fell(self):
        self.gc(enabled=True, thresholds=[100000], full_age_s=1)
        self.drop(self.loop())                                      # one loop: no count and no bytes would ever find it
        run = self.last("age")
        self.assertEqual((run["generation"], run["collected"]), (2, 1))

    def test_age_starts_nothing_where_it_is_off(self):
        self.gc(enabled=True, thresholds=[100000], full_age_s=0)
        self.drop(self.loop())
        self.assertFalse(eventually(self.log, 2.5, 0.1))
        self.gc(full_age_s=1, enabled=False)
        self.assertFalse(eventually(self.log, 2.5, 0.1))
        self.gc(enabled=True)
        self.last("age")


class BesideOthers(Logged):
    def test_a_collection_reaps_what_is_doomed_first(self):
        count = 300000
        lines = b'["new","Chain",{}]\n' + b"".join(b'["new","Chain",{"next":{"$ref":"@%d"}}]\n' % n
                                                   for n in range(count - 1)) + b'["hold","@%d"]\n' % (count - 1)
        last = json.loads(self.c.post("/v1/batch", lines).raw.splitlines()[count - 1])["id"]
        ring = self.ring(5000)
        self.drop(ring[0])
        w = self.wire()                                             # in one go, so that the chain is not reaped yet
        w.send(request(self.daemon, "DELETE", f"/v1/objects/{last}") + request(self.daemon, "POST", "/v1/gc/collect"))
        self.assertEqual(self.ok(w.answer("DELETE")), {"alive": False})
        said = self.ok(w.answer("POST"))
        self.assertEqual((said["collected"], said["candidates"]), (5000, 5000))
        self.assertEqual((self.heap()["objects"], self.heap()["doomed"], self.alive(ring[7])), (0, 0, False))
        self.assertEqual(self.gc()["freed_by_refcount"] + self.gc()["freed_by_collector"], count + 5000)

    def read_paths(self):
        """Every GET there is, of things that exist."""
        i, blob = self.new({"f": 1, "l": {}}, root="f"), self.ok(self.c.post("/v1/objects?root=blob", b"abc", OCTETS), 201)["id"]
        items = self.new(items=[1, {}], root="items")
        self.ok(self.c.put("/v1/weak/f", {"$ref": i}), 200, 201)
        n = str(self.ok(self.c.post("/v1/snapshots"), 201)["n"])
        paths = []
        for path, item in self.ok(self.c.get("/openapi.json"))["paths"].items():
            if "get" not in item or path in UNREAD:
                continue
            of = items if "/items" in path else blob if "/bytes" in path else i
            path = path.replace("{id}", str(of)).replace("{index}", "0").replace("{session}", "0").replace("{n}", n).replace("{b}", n)
            path = path.replace("/problems/{name}", "/problems/collected").replace("{name}", "f")
            self.assertEqual(self.c.get(path).status, 200, path)
            paths.append(path)
        return paths

    def poll(self, paths, stop, polled):
        client = Client(self.daemon)
        while not stop.is_set():
            for path in paths:
                polled.append(client.get(path).status)
        client.close()

    def collections_of_work(self, items, rounds):
        """What each collection looked at and found: one a round, due at its last operation."""
        first = self.log()[-1]["number"]
        for n in range(rounds):
            for _ in range(4):
                self.drop(self.loop())
            self.ok(self.c.post(f"/v1/objects/{items}/items", [{}] * 45), 201)
            self.assertTrue(eventually(lambda: self.log()[-1]["number"] > first + n, pause=0.001))
        return [[x[k] for k in ("generation", "reason", "candidates", "collected")] for x in self.log() if x["number"] > first]

    def test_polling_starts_no_collection_and_delays_none(self):
        paths, said, polled = self.read_paths(), [], []
        for polling in (False, True):
            stop = threading.Event()
            self.gc(enabled=False)
            items = self.new(items=[], root="work")
            self.collect()
            self.gc(enabled=True, thresholds=[49, 5, 3], full_bytes_pct=25, full_age_s=60)
            threads = [threading.Thread(target=self.poll, args=(paths, stop, polled)) for _ in range(3 * polling)]
            for t in threads:
                t.start()
            try:
                said.append(self.collections_of_work(items, 30))
            finally:
                stop.set()
                for t in threads:
                    t.join()
            self.unroot("work")
            self.assertTrue(eventually(lambda: self.gc()["doomed"] == 0))
        self.assertEqual([(x[1], x[3]) for x in said[0]], [("count", 4)] * 30)
        self.assertGreater(len({x[0] for x in said[0]}), 1)
        self.assertEqual(said[0], said[1])
        self.assertGreater(len(polled), 2 * len(paths))
        self.assertEqual(set(polled), {200})

    def test_polling_an_idle_daemon_changes_nothing(self):
        self.gc(enabled=True, thresholds=[5], full_age_s=1)
        paths = self.read_paths()
        self.assertTrue(eventually(lambda: self.quiet_runs() == self.runs()))

        def nothing_changes():
            before = self.gc()
            for path in paths:
                if not path.endswith(WALKS) and "/snapshots/" not in path:                             # work in slices, which are pauses, and counted
                    self.assertEqual(self.c.get(path).status, 200)
            return {k: v for k, v in self.gc().items() if k != "phase"} == {k: v for k, v in before.items() if k != "phase"}
        self.assertTrue(eventually(nothing_changes))              # but for what comes each second, growth that is looked at


class Pauses(Logged):
    def test_each_slice_has_its_phase(self):
        self.drop(self.ring(50000)[0])
        self.collect()
        self.done(*[op for n in range(5000) for op in (["new", "Held", {}], ["hold", f"@{2 * n}"])], query="?reply=summary")
        self.ok(self.c.delete("/v1/sessions/0"), 200, 204)
        self.assertTrue(eventually(lambda: self.heap()["objects"] == 0))
        gc = self.gc()
        phases = gc["pauses_by_phase"]
        self.assertEqual(sum(p["count"] for p in phases.values()), gc["pauses_us"]["count"])
        self.assertEqual(gc["pauses_us"]["count"], gc["pauses_cpu_us"]["count"])
        self.assertEqual(max(p["max"] for p in phases.values()), gc["pauses_us"]["max"])
        self.assertEqual(max(p["cpu_max"] for p in phases.values()), gc["pauses_cpu_us"]["max"])
        for name in ("close", "prove", "house"):
            self.assertGreater(phases[name]["seconds"], 0, phases)
        for p in [gc["pauses_us"], gc["pauses_cpu_us"], *phases.values()]:
            self.assertTrue(p["p50"] <= p["p99"] <= p["p999"] <= p["max"], p)

    def test_questions_about_the_whole_heap_are_slices_too(self):
        self.gc(enabled=False)
        (head, *_) = self.ring(20000)
        before = self.gc()
        n = self.ok(self.c.post("/v1/snapshots"), 201)["n"]
        for path in (f"/v1/snapshots/{n}?format=heapsnapshot", f"/v1/objects/{head}/why", f"/v1/objects/{head}/retained",
                     f"/v1/objects/{head}"):
            self.assertEqual(self.c.get(path).status, 200)
        self.ok(self.c.post("/v1/heap/validate"))
        after = self.gc()
        count = {name: p["count"] - before["pauses_by_phase"].get(name, {"count": 0})["count"]
                 for name, p in after["pauses_by_phase"].items()}
        for name in ("snapshot", "export", "walk", "recount"):
            self.assertGreater(count[name], 3, count)                              # none of them is done in one go
        self.assertEqual(sum(count.values()), after["pauses_us"]["count"] - before["pauses_us"]["count"])

    def samples(self, accept):
        text = self.c.get("/metrics", {"Accept": accept}).raw.decode()
        found = {}
        for line in text.splitlines():
            if m := re.fullmatch(r'(heapd_gc_pause(?:_cpu)?_seconds)_(bucket|sum|count)\{phase="(\w+)"(?:,le="([^"]+)")?\} (\S+)', line):
                found.setdefault((m[1], m[3]), []).append((m[2], m[4], float(m[5])))
        for name in ("heapd_gc_pause_seconds", "heapd_gc_pause_cpu_seconds"):
            self.assertIn(f"# TYPE {name} histogram\n", text)
        return found

    def at_one_moment(self, accept):
        """Metrics, and pauses by phase: no slice ran between the two."""
        def look():
            before, found = self.gc()["pauses_by_phase"], self.samples(accept)
            return (found, before) if self.gc()["pauses_by_phase"] == before else None
        self.assertTrue(said := eventually(look))
        return said

    def test_metrics_have_a_histogram_for_each_phase(self):
        self.drop(self.ring(50000)[0])
        self.collect()
        for accept in ("text/plain", "application/openmetrics-text"):
            found, phases = self.at_one_moment(accept)
            self.assertLessEqual(set(phases), {phase for _, phase in found})
            for (name, phase), samples in found.items():
                buckets = [(float(le), n) for kind, le, n in samples if kind == "bucket"]
                self.assertEqual(buckets, sorted(buckets))
                self.assertEqual([n for _, n in buckets], sorted(n for _, n in buckets))
                (total,) = [n for kind, _, n in samples if kind == "count"]
                self.assertEqual(buckets[-1], (float("inf"), total))
                self.assertEqual(total, phases.get(phase, {"count": 0})["count"], (name, phase))

    def test_leases_that_end_are_paid_from_the_same_budget(self):
        self.gc(pause_budget_us=50)
        client = self.session(ttl=60)[1]
        for _ in range(10):
            self.batch(*[op for n in range(1000) for op in (["new", "Held", {}], ["hold", f"@{2 * n}"])], query="?reply=summary",
                       client=client)
        before = self.gc()["pauses_by_phase"].get("house", {"count": 0})["count"]
        self.ok(client.delete("/v1/sessions/self"), 200, 204)
        self.assertTrue(eventually(lambda: self.heap()["objects"] == 0))
        self.assertGreater(self.gc()["pauses_by_phase"]["house"]["count"], before + 3)      # not in one go


if __name__ == "__main__":
    unittest.main()

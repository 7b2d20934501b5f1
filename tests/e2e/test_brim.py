"""
test_brim.py - a heap that is full to the brim, however it was filled: what grows is refused, all else goes on.

Each test fills a heap with one kind of thing until there is no room for the smallest of them, then asks for everything that
can be read, lets go of this and that, changes settings, collects and purges. None of that may be refused. Then the heap is
emptied, and there must be room again. What the limit means is said in README.md, "Memory".
"""
import base64
import json
import random
import re
import select
import threading
import time
import unittest

from heapd_test import STRESSED, UNREAD, WALKS, Client, HeapdTest, Wire, eventually, request

OCTETS = {"Content-Type": "application/octet-stream"}
MIB = 1 << 20


class Full(HeapdTest):
    options = ("--max-memory", "8M")
    fresh = True
    MAX = 8 * MIB

    def begin(self):
        super().begin()
        self.kept = self.new({"a": 1, "gone": "x", "also": 2})
        self.items = self.new(items=[1, "two", {"three": 3}], root="items")
        self.bytes = self.ok(self.c.post("/v1/objects?root=bytes", b"b" * 5000, OCTETS), 201)["id"]
        self.ok(self.c.put("/v1/weak/watched", {"$ref": self.kept}))
        self.root("gone", self.new({}))
        self.other, self.in_other = self.session()
        self.held = [self.new(client=self.in_other) for _ in range(3)]

    # -- what is said when there is no room

    def is_full(self, answer):
        said = self.problem(answer, 507, "heap-full")
        self.assertEqual(said["limit"], {"name": "memory_bytes_max", "value": self.MAX})
        self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)

    def until_full(self, ask):
        """Asks until that is refused."""
        for n in range(100_000):
            said = ask(n)
            if said.status == 507:
                self.is_full(said)
                return
            self.ok(said, 200, 201, 204)
        self.fail("it is never full")

    def batches_until_full(self, ops):
        """The same with batches: `ops` gives the lines of number n."""
        for n in range(10_000):
            said = self.c.post("/v1/batch?reply=summary", "".join(json.dumps(op) + "\n" for op in ops(n)))
            said = json.loads(self.ok_raw(said).splitlines()[-1])
            if said["failed"]:
                self.assertEqual(said["problem"]["limit"], {"name": "memory_bytes_max", "value": self.MAX})
                return
        self.fail("it is never full")

    def ok_raw(self, answer):
        self.assertEqual(answer.status, 200, answer.raw[:600])
        return answer.raw

    def top_off(self):
        """The crumbs too: nothing that is made from now on finds a place."""
        for size in (100_000, 10_000, 2000):
            self.until_full(lambda n: self.c.post("/v1/objects", b"t" * size, OCTETS))
        self.until_full(lambda n: self.c.post("/v1/objects", {"class": f"T{n}", "fields": {f"f{n}": "t" * 500}}))

    # -- what goes on

    def read_everything(self):
        """Every GET there is, but for a few."""
        values = {"id": self.kept, "name": "items", "name*": "items", "index": 0, "session": self.other["id"], "n": 1, "b": 1}
        for path, what in self.ok(self.c.get("/openapi.json"))["paths"].items():
            for of in (self.kept, self.items, self.bytes) if "get" in what and path not in UNREAD else ():
                url = re.sub(r"{([^}]*)}", lambda m: str({**values, "id": of}[m[1]]), path)
                said = self.c.get(url)
                if said.status == 507 and path.endswith(WALKS):         # they need room for what they have seen
                    self.assertIn("no memory to walk the heap", said.json["detail"])
                else:
                    self.assertLess(said.status, 500, (url, said.raw[:300]))
        self.assertEqual(self.ok(self.c.get(f"/v1/objects/{self.items}?depth=3"))["id"], self.items)
        self.assertEqual(self.c.get(f"/v1/objects/{self.bytes}/bytes").raw, b"b" * 5000)
        self.pages("/v1/objects", 1000)
        self.assertEqual(self.done(["get", self.kept], ["is", self.kept, "never", None])[0]["id"], self.kept)

    def let_go_of_this_and_that(self):
        self.ok(self.c.delete(f"/v1/objects/{self.kept}/fields/gone"), 204)
        self.ok(self.c.patch(f"/v1/objects/{self.kept}", {"also": None}))
        self.assertEqual(list(self.doc(self.kept)["fields"]), ["a"])
        self.ok(self.c.put(f"/v1/objects/{self.kept}/fields/a", "null"))
        self.ok(self.c.delete(f"/v1/objects/{self.items}/items/0"), 204)
        self.unroot("gone")
        self.ok(self.c.delete("/v1/weak/watched"), 200, 204)
        self.drop(self.held[0], client=self.in_other)
        self.done(["unset", self.kept, "a"], ["drop", self.held[1]], client=self.in_other)
        self.ok(self.c.put(f"/v1/sessions/{self.other['id']}"))
        self.ok(self.in_other.delete("/v1/sessions/self"))

    def set_and_collect(self):
        self.ok(self.c.patch("/v1/config", {"pause_budget_us": 400}))
        self.ok(self.c.patch("/v1/gc", {"pause_budget_us": 500}))
        self.collect()
        self.ok(self.c.post("/v1/gc/collect", {"dry_run": True}))
        self.done(["collect", 2])
        self.ok(self.c.put("/v1/gc/freeze"))
        self.ok(self.c.delete("/v1/gc/freeze"))
        self.ok(self.c.post("/v1/heap/purge"))
        self.validate_clean()

    def is_at_the_brim(self):
        self.top_off()
        self.until_full(lambda n: self.c.post("/v1/objects", b"n" * 300_000, OCTETS))   # what was free in pools may have gone back
        self.top_off()
        self.read_everything()
        self.let_go_of_this_and_that()
        self.read_everything()
        self.set_and_collect()
        self.read_everything()

    def has_room_again(self):
        """Sessions end, names go, and what then is made finds its place. Tables that are numbered by class stay."""
        for kind in ("roots", "weak"):
            while page := self.ok(self.c.get(f"/v1/{kind}?limit=1000"))["items"]:
                if kind == "roots":
                    self.done(*[["unroot", r["name"]] for r in page])
                else:
                    for w in page:
                        self.ok(self.c.delete(f"/v1/weak/{w['name']}"), 200, 204)
        for s in self.pages("/v1/sessions", 1000):
            self.ok(self.c.delete(f"/v1/sessions/{s['id']}"), 200, 204)
        self.collect()
        make = lambda: self.c.post("/v1/objects", b"n" * (3 * MIB), OCTETS).status == 201
        self.assertTrue(eventually(make, pause=0.05), self.heap()["bytes"])
        self.validate_clean()


class Brim(Full):
    def test_records(self):
        self.batches_until_full(lambda n: [op for k in range(500) for op in (["new", "R", {"n": k}], ["hold", f"@{2 * k}"])])
        self.is_at_the_brim()
        self.has_room_again()

    def test_pushes(self):
        items = self.new(items=[], root="many")
        self.batches_until_full(lambda n: [["push", items, k] for k in range(1000)])
        self.is_at_the_brim()
        self.has_room_again()

    def test_long_strings(self):
        items = self.new(items=[], root="strings")
        self.until_full(lambda n: self.c.post(f"/v1/objects/{items}/items", json.dumps(f"{n}" + "s" * 30_000)))
        self.until_full(lambda n: self.c.post(f"/v1/objects/{items}/items", json.dumps(f"{n}" + "s" * 1000)))
        self.is_at_the_brim()
        self.has_room_again()

    def test_a_dictionary(self):
        d = self.new({}, root="dictionary")
        self.batches_until_full(lambda n: [["set", d, f"field{n}-{k}", k] for k in range(500)])
        self.is_at_the_brim()
        self.has_room_again()

    def test_classes_and_fields(self):
        self.batches_until_full(lambda n: [op for k in range(200) for op in (["new", f"C{n}-{k}", {f"f{n}-{k}": 1}], ["hold", f"@{2 * k}"])])
        self.is_at_the_brim()
        self.has_room_again()

    def test_roots_and_weak_names(self):
        for verb in ("root", "weak"):
            self.batches_until_full(lambda n: [[verb, f"{verb}{n}-{k}", self.items] for k in range(500)])
        self.is_at_the_brim()
        self.has_room_again()

    def test_sessions(self):
        self.until_full(lambda n: self.c.post("/v1/sessions", {"ttl": 3600, "label": "l" * 200}))
        self.is_at_the_brim()
        self.has_room_again()

    def test_bytes(self):
        for size in (1_000_000, 90_000):
            self.until_full(lambda n: self.c.post("/v1/objects", b"u" * size, OCTETS))
        self.batches_until_full(lambda n: [["bytes", base64.b64encode(bytes(3000)).decode()]] + [["hold", "@0"]])
        self.is_at_the_brim()
        self.has_room_again()

    def test_long_json(self):
        """It needs most while it is read."""
        self.until_full(lambda n: self.c.post("/v1/objects", {"items": [[k] for k in range(8000)]}))
        self.until_full(lambda n: self.c.post("/v1/objects", {"items": [[k] for k in range(100)]}))
        self.is_at_the_brim()
        self.has_room_again()

    def test_cycles_that_nobody_holds_go_by_themselves(self):
        """The collector makes the room that a request is refused for want of."""
        self.ok(self.c.patch("/v1/gc", {"thresholds": [2_000_000_000], "full_bytes_pct": 0}))
        ring = lambda n: [["new", "N", {"s": f"{n}-{k}" + "x" * 300}] for k in range(100)] + [
            ["set", f"@{k}", "next", {"$ref": f"@{(k + 1) % 100}"}] for k in range(100)]
        made = 0
        for n in range(300):                                        # 9 MB of it
            said = self.batch(*ring(n), query="?reply=summary")[-1]
            made += not said["failed"]
            if said["failed"]:
                time.sleep(1.1)                                     # as Retry-After says
        self.assertGreater(made, 280)
        log = self.ok(self.c.get("/v1/gc/log?limit=1000"))["items"]
        self.assertIn("memory", [x["reason"] for x in log])
        self.assertGreater(sum(x["collected"] for x in log if x["reason"] == "memory"), 5000)

    def test_a_batch_of_drops_is_carried_out(self):
        ids = [self.new({"s": str(n) + "y" * 400}) for n in range(500)]
        self.top_off()
        self.assertEqual(self.done(*[["drop", i] for i in ids]), [{"alive": False}] * 500)
        self.assertTrue(eventually(lambda: self.c.post("/v1/objects", {"fields": {"s": "z" * 2000}}).status == 201))

    def test_a_limit_below_what_there_is_can_be_raised_again(self):
        self.ok(self.c.post("/v1/objects", b"n" * (4 * MIB), OCTETS), 201)
        self.ok(self.c.patch("/v1/config", {"memory_bytes_max": 2 * MIB}))
        self.MAX = 2 * MIB
        self.is_full(self.c.post("/v1/objects", {"fields": {f"f{n}": "x" * 600 for n in range(20)}}))
        self.read_everything()
        self.let_go_of_this_and_that()
        self.set_and_collect()
        self.ok(self.c.patch("/v1/config", {"memory_bytes_max": 8 * MIB}))
        self.new({"a": "x" * 1000})

    def test_many_ask_at_the_brim_and_all_are_answered(self):
        self.top_off()
        crowd = [self.wire() for _ in range(300)]
        for w in crowd:
            w.ask("GET", f"/v1/objects/{self.items}").ask("DELETE", "/v1/roots/none").ask("GET", "/v1/heap")
        for w in crowd:
            self.assertEqual([w.answer(), w.answer("DELETE"), w.answer()][0].json["id"], self.items)


class Collections(Full):
    """memory_collect_pct."""

    def log(self):
        return [x for x in self.ok(self.c.get("/v1/gc/log?limit=1000"))["items"] if x["reason"] == "memory"]

    def fill_to(self, pct):
        while self.heap()["bytes"]["counted"] < self.MAX * pct // 100:
            self.ok(self.c.post("/v1/objects", b"f" * 40_000, OCTETS), 201)

    def test_one_starts_at_its_percentage(self):
        self.fill_to(80)
        self.assertEqual(self.log(), [])
        self.fill_to(95)
        self.assertTrue(eventually(self.log))
        self.assertEqual(self.log()[0]["generation"], 2)

    def test_the_percentage_is_live(self):
        self.fill_to(60)
        self.assertEqual(self.log(), [])
        self.ok(self.c.patch("/v1/config", {"memory_collect_pct": 50}))
        self.assertTrue(eventually(self.log))
        self.ok(self.c.patch("/v1/config", {"memory_collect_pct": 0}))
        before = len(self.log())
        self.fill_to(95)
        self.assertEqual(len(self.log()), before)

    def test_none_runs_when_collecting_is_disabled(self):
        self.ok(self.c.patch("/v1/gc", {"enabled": False}))
        self.fill_to(95)
        self.c.get("/livez")
        self.assertEqual(self.log(), [])

    def test_it_does_not_run_again_and_again_for_nothing(self):
        self.top_off()
        for _ in range(2000):
            self.c.post("/v1/objects", b"n" * 300_000, OCTETS)
        self.assertLessEqual(len(self.log()), 4)

    @unittest.skipIf(STRESSED, "there it goes back at once")
    def test_free_memory_goes_back_when_it_is_short(self):
        """It does not wait for purge_decay_ms."""
        self.ok(self.c.patch("/v1/config", {"purge_decay_ms": 86_400_000}))
        a = self.new(items=[], root="a")
        self.batches_until_full(lambda n: [op for k in range(500) for op in (["new", "R", {"n": k}], ["push", a, {"$ref": f"@{2 * k}"}])])
        self.unroot("a")
        make = lambda: self.c.post("/v1/objects", b"n" * (4 * MIB), OCTETS).status == 201
        self.assertTrue(eventually(make, pause=0.05), self.heap()["bytes"])


class Resident(HeapdTest):
    """What the system says the process has in memory stays within 32 MiB of the limit, whatever comes."""
    options = ("--max-memory", "64M")
    fresh = True
    MAX, SLACK, SECONDS = 64 * MIB, 32 * MIB, 6

    def setUp(self):
        super().setUp()
        with open(f"/proc/{self.daemon.process.pid}/maps") as maps:
            if "libasan" in maps.read():
                self.skipTest("sanitizers keep memory of their own")
        self.big = self.new(items=["y" * 60_000] * 12)
        for _ in range(20):
            self.ok(self.c.post(f"/v1/objects/{self.big}/items", json.dumps("z" * 500_000)), 201)
        self.made = []

    def high_water(self):
        with open(f"/proc/{self.daemon.process.pid}/status") as f:
            return int(re.search(r"VmHWM:\s*(\d+)", f.read())[1]) * 1024

    def assert_holds(self):
        self.assertLess(self.high_water() - self.MAX, self.SLACK, self.heap()["bytes"])
        self.ok(self.c.get(f"/v1/objects/{self.big}"))
        self.validate_clean()

    # -- loads; who is cut comes again

    def makes(self, c, r):
        body, headers = (b"b" * r.choice((900, 9000, 90_000, 3_000_000)), OCTETS) if r.random() < 0.5 else (
            {"fields": {"n": r.random(), "s": "s" * r.choice((9, 900, 20_000))}}, {})
        said = c.post("/v1/objects", body, headers)
        if said.status == 201:
            self.made.append(said.json["id"])

    def drops(self, c, r):
        for _ in range(20):
            if len(self.made) > 50:
                c.delete(f"/v1/objects/{self.made.pop(r.randrange(len(self.made)))}")
        time.sleep(0.002)

    def long_json(self, c, r):
        said = c.post("/v1/objects", {"items": [[n, {"a": []}] for n in range(r.choice((100, 4000, 20_000)))]})
        if said.status == 201:
            self.made.append(said.json["id"])

    def batches(self, c, r):
        tag = r.randrange(10**9)
        c.post("/v1/batch?reply=summary", "".join(f'["new","N",{{"s":"{tag}-{n}"}}]\n' for n in range(5000)))

    def reads_nothing(self, c, r):
        crowd = [Wire(self.daemon) for _ in range(30)]
        for w in crowd:
            w.send(request(self.daemon, "GET", f"/v1/objects/{self.big}") * 10)
        time.sleep(0.5)
        for w in crowd:
            w.close()

    def half_bodies(self, c, r):
        crowd = [Wire(self.daemon) for _ in range(60)]
        for w in crowd:
            w.send(request(self.daemon, "POST", "/v1/objects", b"[" + b" " * 500_000)[:-10])
        time.sleep(0.5)
        for w in crowd:
            w.close()

    def run_load(self, load, seed, end):
        r, c = random.Random(seed), Client(self.daemon)
        while time.monotonic() < end:
            try:
                load(c, r)
            except OSError:
                c.close()
            except Exception as e:                                  # http.client has many names for a connection that is gone
                if type(e).__module__ != "http.client":
                    raise
                c.close()
        c.close()

    def test_under_a_load_of_everything(self):
        end = time.monotonic() + self.SECONDS
        loads = [self.makes, self.makes, self.drops, self.long_json, self.batches, self.reads_nothing, self.half_bodies]
        threads = [threading.Thread(target=self.run_load, args=(load, n, end)) for n, load in enumerate(loads)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertTrue(eventually(lambda: self.heap()["bytes"]["other"] < 8 * MIB))
        self.assert_holds()

    def test_when_small_blocks_lie_between_free_ones(self):
        """What the C library keeps counts too, and goes back as far as it can."""
        fill = lambda size: [i for i in iter(lambda: self.c.post("/v1/objects", b"f" * size, OCTETS).json.get("id"), None)]
        first = fill(10_000)
        for i in first[::2]:
            self.drop(i)
        self.assertTrue(eventually(lambda: fill(100_000)))
        second = fill(40_000)
        for i in first[1::4] + second[::2]:
            self.drop(i)
        self.assertTrue(eventually(lambda: fill(3000)))
        self.assert_holds()

    def test_when_many_connections_come_to_a_full_heap(self):
        while self.c.post("/v1/objects", b"f" * 20_000, OCTETS).status == 201:
            pass
        crowd = [self.wire() for _ in range(1200)]
        for w in crowd:
            try:
                w.send(request(self.daemon, "POST", "/v1/objects", b'{"fields":{"a":"' + b"x" * 15_000)[:-100])
            except OSError:
                pass
        self.assertTrue(eventually(lambda: any(map(self.has_come, crowd))))
        told = [w.answer("POST") for w in crowd if self.has_come(w)]
        self.assertLess(len(told), len(crowd))                      # the slow ones, and as many as there have to be
        for said in told:
            self.assertEqual(self.problem(said, 507, "heap-full")["limit"], {"name": "memory_bytes_max", "value": self.MAX})
        self.assert_holds()                                         # last: to recount, it may lift the limit

    def has_come(self, w):
        look = select.poll()
        look.register(w.sock, select.POLLIN)
        return bool(look.poll(0))


if __name__ == "__main__":
    unittest.main()

"""test_suspects.py - a leak is named over HTTP, by its site and by what holds it; the traffic beside it is not."""
import json
import os
import subprocess
import time
import unittest

from heapd_test import ROOT, WAIT, eventually
from test_events import EventsTest

HEAPCTL = os.environ.get("HEAPCTL_BIN") or str(ROOT / "build/client/heapctl")
LIMIT_S = 120                                   # for 17 windows of a second


class Suspects(EventsTest):
    fresh = True

    def suspects(self):
        return self.ok(self.c.get("/v1/heap/suspects"))

    def ops(self, site, *ops, client=None):
        said = (client or self.c).post("/v1/batch?reply=summary", "".join(json.dumps(op) + "\n" for op in ops), {"Heapd-Site": site})
        self.assertEqual(json.loads(said.raw)["failed"], 0, said.raw[:600])

    def heapctl(self, *words):
        env = {"PATH": os.environ["PATH"], "HEAPD_URL": f"http://{self.daemon.host}:{self.daemon.port}"}
        return subprocess.run([HEAPCTL, *words], capture_output=True, text=True, env=env, timeout=WAIT, check=True).stdout

    def live_until_named(self, registry):
        """Listeners register and never go; requests come, hold each other in cycles, and go."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end and not self.suspects()["items"]:
            self.ops("chat.py:31", *[["push", registry, {"topic": n}] for n in range(60)])
            self.ops("work.py:9", *[op for n in range(0, 600, 3) for op in
                     (["new", "Job", {"n": n}], ["new", "Job", {"of": {"$ref": f"@{n}"}}], ["set", f"@{n}", "by", {"$ref": f"@{n + 1}"}])])
            self.ok(self.c.post("/v1/gc/collect"))
            time.sleep(0.2)
        return self.suspects()["items"]

    def test_a_leak_is_named_and_the_traffic_is_not(self):
        self.ok(self.c.patch("/v1/config", {"suspects_window_ms": 1000}))
        listener = self.listen("?types=alert")
        self.assertEqual(self.suspects()["items"], [])
        self.assertIn("Too early to tell", self.heapctl("suspects"))
        registry = self.new({"listeners": []}, root="chat")
        registry = self.doc(registry)["fields"]["listeners"]["$ref"]
        items = self.live_until_named(registry)
        self.assertTrue(items, self.suspects())
        self.assertTrue(eventually(lambda: {"site", "root"} <= {i["by"] for i in self.live_until_named(registry)}))
        items = {i["by"]: i for i in self.suspects()["items"]}
        self.assertEqual(items["site"]["site"], "chat.py:31")
        self.assertEqual((items["root"]["root"], items["root"]["field"], items["root"]["object"]), ("chat", "listeners", registry))
        self.assertNotIn("work.py", json.dumps(items))
        self.evidence_is_true(items["site"], registry)
        said = self.heapctl("suspects")
        self.assertIn('What is made at "chat.py:31" is not let go of', said)
        self.assertEqual({i["by"] for i in json.loads(self.heapctl("suspects", "--json"))["items"]}, set(items))
        self.assertIn('\nheapd_suspects{by="site"} 1\n', self.c.get("/metrics").raw.decode())
        self.alerts_come_and_go(listener)

    def alerts_come_and_go(self, listener):
        """One for each suspect, with all that the list says of it, and one when it is mended; there may be more meanwhile."""
        listed = {i["suspect"]: i for i in self.suspects()["items"]}
        told, over = {}, {}

        def hear():
            e = listener.next()
            (told if e["what"] == "suspect" else over)[e["suspect"]] = e
        while not set(told) >= set(listed):
            hear()
        for n, item in listed.items():
            same = {k: v for k, v in item.items() if k not in ("suspect_s", "sentence", "evidence")}    # these go on
            self.assertEqual({k: told[n][k] for k in same}, same)
            self.assertEqual(set(item) | {"id", "type", "time", "what"}, set(told[n]))
        self.unroot("chat")
        while not set(over) >= set(told):
            hear()
        self.assertEqual({n: over[n]["by"] for n in told}, {n: e["by"] for n, e in told.items()})
        self.assertEqual({e["because"] for e in over.values()} - {"it is gone", "it grows no more"}, set())
        self.assertEqual({e["site"] for e in over.values() if e["by"] == "site"}, {"chat.py:31"})
        self.assertTrue(eventually(lambda: self.suspects()["items"] == []))

    def test_nobody_watches_when_told_so_and_then_it_begins_anew(self):
        self.ok(self.c.patch("/v1/config", {"suspects_window_ms": 1000}))

        def a_window_is_over():
            self.ok(self.c.post("/v1/gc/collect"))
            return self.suspects()["windows"] > 0
        self.assertTrue(eventually(a_window_is_over))
        self.ok(self.c.patch("/v1/config", {"suspects_enabled": False}))
        self.assertTrue(eventually(lambda: self.suspects()["windows"] == 0))
        self.assertEqual((self.suspects()["watching"], self.suspects()["items"]), (False, []))
        self.ok(self.c.patch("/v1/config", {"suspects_enabled": True}))
        self.assertTrue(eventually(a_window_is_over))

    def test_what_is_worth_a_word_has_a_least_size(self):
        self.problem(self.c.patch("/v1/config", {"suspects_bytes_min": 0}), 422, "bad-value")
        self.assertEqual(self.ok(self.c.patch("/v1/config", {"suspects_bytes_min": 1}))["suspects_bytes_min"], 1)

    def evidence_is_true(self, item, registry):
        """It adds up, and the line that shows more shows it."""
        e = item["evidence"]
        self.assertEqual((e["windows"], len(e["floors"])), (16, 16))
        self.assertEqual((e["from"]["bytes"], e["to"]["bytes"]), (e["floors"][0], e["floors"][-1]))
        self.assertGreater(e["to"]["count"], e["from"]["count"])
        self.assertGreaterEqual(e["over_s"], 15)
        self.assertLess(e["over_s"], LIMIT_S + WAIT)
        shell = subprocess.run(["sh", "-c", item["more"][0] + " -s"], capture_output=True, timeout=WAIT, check=True,
                               env={"PATH": os.environ["PATH"], "HEAPD_URL": f"http://{self.daemon.host}:{self.daemon.port}"})
        shown = json.loads(shell.stdout)["items"]
        self.assertEqual({self.doc(d["id"])["class"] for d in shown}, {"object"})
        held = {i["id"] for d in shown[:1] for i in self.ok(self.c.get(f"/v1/objects/{d['id']}/referrers"))["items"]}
        self.assertEqual(held, {registry})


if __name__ == "__main__":
    unittest.main()

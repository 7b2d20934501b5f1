"""
The disk of a real heapd fills, or fails to sync: what is answered then, and what is there afterwards.

failing_disk.c, built here with the compiler there is, stands between heapd and its disk.
"""
import http.client
import json
import os
import threading
import unittest
from pathlib import Path

from heapd_test import Client, eventually
from store_test import PreloadedTest


class Faults(PreloadedTest):
    preloaded = "failing_disk.c"

    def start(self, *options):
        self.disk = Path(self.place.name) / "disk"
        self.preload_env = {"HEAPD_TEST_DISK": str(self.disk), "HEAPD_TEST_DATA": str(self.data)}
        super().start(*options)

    def fault(self, what):
        self.disk.write_text(what)

    def heal(self):
        self.disk.unlink()

    def fill(self):
        """Full, and noticed: what is written when it happens is in doubt, and waits."""
        self.fault("full")
        waiting = self.wire()
        waiting.ask("POST", "/v1/objects", {"class": "Waits", "fields": {}, "root": "waits"})
        self.assertTrue(eventually(lambda: b"store-full" in os.pread(self.daemon.log.fileno(), 1 << 20, 0)))
        self.problem(self.c.post("/v1/objects", {"class": "A"}), 507, "disk-full")
        return waiting


class Full(Faults):
    def test_writes_are_refused_reads_go_on_and_later_all_is_well(self):
        kept = self.new({"n": 1}, root="kept")
        waiting = self.fill()
        self.problem(self.c.put(f"/v1/objects/{kept}/fields/n", "2"), 507, "disk-full")
        self.problem(self.c.delete("/v1/roots/kept"), 507, "disk-full")
        self.problem(self.c.post("/v1/batch", ""), 507, "disk-full")        # of nothing: to ask (deploy/prometheus)
        self.assertEqual(self.doc(kept)["fields"], {"n": 1})
        self.assertEqual(self.c.get("/v1/roots").status, 200)
        self.assertEqual((self.metric("heapd_ready"), self.metric("heapd_takes_changes")), (1, 0))
        self.assertEqual(self.metric("heapd_problems_total", problem="disk-full"), 4)
        self.heal()
        self.assertEqual(waiting.answer("POST").status, 201)
        self.assertTrue(eventually(lambda: self.c.put(f"/v1/objects/{kept}/fields/n", "3").status == 200))
        self.assertEqual(self.metric("heapd_takes_changes"), 1)
        was = self.everything()
        self.assertIn("waits", was["roots"])
        self.again()
        self.assert_same(was)
        self.again(well=True)
        self.assert_same(was)

    def test_a_kill_while_it_is_full_loses_nothing_that_was_answered(self):
        kept = self.new({"n": 1}, root="kept")
        self.fill()
        self.kill()
        self.heal()
        self.start()
        self.validate_clean()
        self.assertEqual(self.doc(kept)["fields"], {"n": 1})
        self.assertEqual({r["name"] for r in self.pages("/v1/roots")} - {"waits"}, {"kept"})

    def test_a_batch_may_read_but_change_nothing(self):
        stream = self.stream()
        first = stream.op("new", "First", {})["id"]
        stream.op("root", "first", first)
        self.fill()
        self.assertEqual(stream.op("get", first)["id"], first)
        self.problem_document(stream.op("new", "Second", {})["problem"], 507, "disk-full")
        self.heal()
        self.assertTrue(eventually(lambda: self.c.post("/v1/objects", {"class": "A"}).status == 201))
        again = self.stream()
        again.op("root", "third", again.op("new", "Third", {})["id"])
        was = self.everything()["roots"]
        self.again()
        self.assertEqual(self.everything()["roots"], was)
        self.assertEqual(set(was), {"first", "third", "waits"})


class Unsynced(Faults):
    def waiting_clients(self, count):
        clients = [self.wire() for _ in range(count)]
        for n, w in enumerate(clients):
            w.ask("POST", "/v1/objects", {"class": "A", "fields": {"n": n}, "root": f"doubt{n}"})
        return clients

    def test_those_who_wait_are_told_and_the_process_ends(self):
        kept = self.new({"n": 1}, root="kept")
        self.fault("sync")
        told = 0
        for w in self.waiting_clients(8):
            try:
                self.problem(w.answer("POST"), 503, ("store-failed", "not-ready"))
                told += 1
            except (http.client.RemoteDisconnected, ConnectionError):    # it came when heapd had ended, and nobody read it
                pass
        self.assertGreater(told, 0)
        self.c.close()
        self.assertGreater(self.daemon.finish(), 0)
        self.assertIn("error store-failed ", self.daemon.last_words)
        self.heal()
        self.start()
        self.validate_clean()
        self.assertEqual(self.doc(kept)["fields"], {"n": 1})
        self.new()

    def test_clients_in_the_middle_of_batches_know_how_far_they_were(self):
        acknowledged, lock = set(), threading.Lock()

        def work(number):
            client = Client(self.daemon)
            try:
                for n in range(10000):
                    name = f"w{number}-{n}"
                    ops = [["new", "A", {"n": n}], ["root", name, "@0"]]
                    said = client.post("/v1/batch", "\n".join(map(json.dumps, ops)))
                    if said.status != 200 or json.loads(said.raw.splitlines()[-1]) != {"done": 2, "failed": 0}:
                        return
                    with lock:
                        acknowledged.add(name)
            except Exception:
                return
            finally:
                client.close()

        workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for w in workers:
            w.start()
        self.assertTrue(eventually(lambda: len(acknowledged) > 20))
        self.fault("sync")
        for w in workers:
            w.join(60)
        self.c.close()
        self.assertGreater(self.daemon.finish(), 0)
        self.heal()
        self.start()
        self.validate_clean()
        self.assertLessEqual(acknowledged, {r["name"] for r in self.pages("/v1/roots", limit=1000)})

    def test_a_new_directory_is_synced_into_the_one_it_stands_in(self):
        synced = Path(f"{self.disk}.synced").read_text().splitlines()
        self.assertIn(str(self.data.parent.resolve()), synced)


if __name__ == "__main__":
    unittest.main()

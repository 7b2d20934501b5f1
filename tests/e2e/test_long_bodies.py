"""
test_long_bodies.py - JSON bodies of up to 1 MiB, which are decoded beside the loop: others are answered meanwhile, and
nothing shows in an answer that it was so.
"""
import json
import threading
import unittest

from heapd_test import HeapdTest, WAIT, eventually

MIB = 1 << 20


def whole(text):
    assert 64 << 10 < len(text) <= MIB, len(text)
    return text


NESTED = json.dumps({"class": "Doc", "fields": {f"f{i}": {"n": i, "list": [1, 2.5, "x", None, {"$weak": 1}]}
                                                for i in range(12_000)}}).replace('{"$weak": 1}', "true")
DOCUMENTS = {
    "nested": whole(NESTED),
    "lists": whole('{"items":[' + ",".join(["[]"] * 300_000) + "]}"),
    "numbers": whole('{"items":[' + ",".join(map(str, range(150_000))) + "]}"),
    "names": whole(json.dumps({"fields": {f"name{i}": i for i in range(40_000)}})),
    "text": whole(json.dumps({"fields": {"s": "aé\n" * 100_000}})),
}


class LongBodies(HeapdTest):
    fresh = True

    def post(self, name, client=None):
        doc = self.ok((client or self.c).post("/v1/objects", DOCUMENTS[name]), 201)
        return doc["id"]

    def test_each_becomes_what_it_says(self):
        i = self.post("nested")
        self.assertEqual(len(self.pages(f"/v1/objects/{i}/fields", 1000)), 12_000)
        link = self.ok(self.c.get(f"/v1/objects/{i}/fields/f77"))["$ref"]
        self.assertEqual(self.doc(link)["fields"]["n"], 77)
        self.assertEqual(self.doc(self.doc(link)["fields"]["list"]["$ref"])["items"], [1, 2.5, "x", None, True])
        self.assertEqual(self.ok(self.c.get(f"/v1/objects/{self.post('numbers')}/items/149999")), 149999)
        self.assertEqual(self.ok(self.c.get(f"/v1/objects/{self.post('names')}/fields/name39999")), 39999)
        self.assertEqual(self.ok(self.c.get(f"/v1/objects/{self.post('text')}/fields/s")), "aé\n" * 100_000)
        self.ok(self.c.delete("/v1/sessions/0"))

    def test_many_clients_at_once_and_others_between_them(self):
        few, wrong = self.new({"a": 1}), []

        def work(name):
            client = self.client()
            for _ in range(2):
                i = self.post(name, client)
                if not self.ok(client.delete(f"/v1/objects/{i}")) == {"alive": False}:
                    wrong.append(name)

        threads = [threading.Thread(target=work, args=(name,)) for name in DOCUMENTS]
        for t in threads:
            t.start()
        asked = 0
        while any(t.is_alive() for t in threads):
            self.assertEqual(self.ok(self.c.get(f"/v1/objects/{few}/fields/a")), 1)
            asked += 1
        for t in threads:
            t.join(WAIT)
        self.assertGreater(asked, len(threads))
        self.assertEqual(wrong, [])
        self.validate_clean()

    def test_what_is_wrong_with_it_is_said(self):
        for bad, status, name in ((DOCUMENTS["lists"][:-1], 400, "bad-json"),
                                  (DOCUMENTS["names"][:-2] + ',"name7":1}}', 400, "bad-json"),
                                  (DOCUMENTS["numbers"][:-2] + ',{"$ref":9007199254740001}]}', 422, "dangling"),
                                  ('{"items":[' + "[" * 70_000 + "]" * 70_000 + "]}", 400, "bad-json"),
                                  (DOCUMENTS["text"] + " " * MIB, 413, None)):
            before = self.heap()["objects"]
            self.problem(self.c.post("/v1/objects", bad), status, name)
            self.assertEqual(self.heap()["objects"], before)

    def test_one_that_has_arrived_is_carried_out_whoever_has_left(self):
        w = self.wire().ask("POST", "/v1/objects", DOCUMENTS["nested"].replace('"class"', '"root":"left","class"', 1).encode())
        w.close()
        self.assertTrue(eventually(lambda: self.c.get("/v1/roots/left").status == 200))
        self.unroot("left")

    def test_one_that_is_being_decoded_when_the_daemon_stops_is_answered(self):
        w = self.wire().ask("POST", "/v1/objects", DOCUMENTS["lists"].encode())
        eventually(lambda: self.c.get("/livez").status == 200)
        self.daemon.terminate()
        self.assertEqual(w.answer().status, 201)


class AllBodiesAside(LongBodies):
    """The smallest bodies too."""

    def setUp(self):
        super().setUp()
        self.ok(self.c.patch("/v1/config", {"json_inline_bytes_max": 0}))


class WhatTheyTake(HeapdTest):
    """The memory of long bodies: never more than there is, and not for longer than they need it."""
    options = ("--max-memory", "48M")
    fresh = True

    def setUp(self):
        super().setUp()
        with open(f"/proc/{self.daemon.process.pid}/maps") as maps:
            if "libasan" in maps.read():
                self.skipTest("sanitizers keep what was freed")

    def memory(self, name):
        with open(f"/proc/{self.daemon.process.pid}/status") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith(name))

    def put_all(self, count, items, status):
        """`count` lists at once, where none can be put."""
        body = b'{"items":[' + b",".join([b"[]"] * items) + b"]}"
        wires = [self.wire().ask("PUT", "/v1/roots/r", body) for _ in range(count)]
        self.assertEqual({w.answer().status for w in wires}, {status})

    def test_all_together_stay_below_the_cap_and_wait_for_each_other(self):
        before = self.memory("VmRSS")
        self.put_all(10, 100_000, 422)                              # 20 MB each
        self.put_all(2, 340_000, 507)                               # 66 MB
        self.assertLess(self.memory("VmHWM"), before + 48 * MIB)

    def test_nothing_of_them_stays(self):
        self.put_all(1, 10_000, 422)
        before = self.memory("VmRSS")
        for _ in range(5):
            self.put_all(8, 100_000, 422)
        self.assertTrue(eventually(lambda: self.memory("VmRSS") < before + 8 * MIB))


if __name__ == "__main__":
    unittest.main()

"""
test_limits.py - every limit of /v1/config is met on purpose: at it all is well, one past it is refused by its name.

Limits of time, and of what many connections may do, are met in test_connections.py; sizes of whole heads in http_vectors.py
at their defaults, here at values of our own.
"""
import json
import time
import unittest
from pathlib import Path

from heapd_test import WAIT, HeapdTest, eventually

ELSEWHERE = {                                   # where the others are met
    "test_connections": "connections_max connections_per_peer_max pipeline_max header_timeout_ms body_bytes_per_s_min "
                        "idle_timeout_ms backlog_bytes_max backlog_timeout_ms buffer_bytes_max",
    "test_atomic": "atomic_ops_max atomic_bytes_max",
    "test_garbage": "memory_bytes_max",
    "test_gc_log": "pause_budget_us",
    "test_memory": "purge_decay_ms pack_used_pct",
    "test_idempotency": "idempotency_keys_max idempotency_keep_ms idempotency_answer_bytes_max",
    "test_brim": "memory_collect_pct",
    "test_long_bodies": "json_inline_bytes_max",
    "test_store": "durability",
    "test_metrics": "metrics_python_names",
    "test_snapshots": "snapshots_max",
    "test_suspects": "suspects_enabled suspects_window_ms suspects_bytes_min",
    "test_events": "events_kept_max events_kept_bytes_max events_listeners_max events_backlog_bytes_max events_ping_ms",
}
DEFAULTS = {                                    # what a user relies on who sets nothing
    "request_line_bytes_max": 8192, "header_bytes_max": 16384, "header_fields_max": 64, "json_body_bytes_max": 1048576,
    "json_depth_max": 64, "batch_line_bytes_max": 65536, "atomic_ops_max": 10000, "atomic_bytes_max": 1048576, "bytes_body_max": 67108864, "chunk_extension_bytes_max": 4096,
    "header_timeout_ms": 10000, "body_bytes_per_s_min": 1024, "idle_timeout_ms": 60000, "connections_max": 20000,
    "connections_per_peer_max": 0, "backlog_bytes_max": 8388608, "backlog_timeout_ms": 30000, "buffer_bytes_max": 67108864,
    "idempotency_keys_max": 100000, "idempotency_keep_ms": 86400000, "idempotency_answer_bytes_max": 4096,
}


class Limits(HeapdTest):
    fresh = True

    def set(self, **settings):
        self.ok(self.c.patch("/v1/config", settings))

    def refused(self, answer, status, name, value):
        said = self.problem(answer, status)
        self.assertEqual(said["limit"], {"name": name, "value": value})

    def wire_says(self, data):
        w = self.wire()
        return w.send(data.replace("@H", f"Host: {self.daemon.host}:{self.daemon.port}")).answer()

    def test_every_limit_has_a_test(self):
        met = {name.removeprefix("test_") for name in dir(self) if name.startswith("test_")}
        for file, names in ELSEWHERE.items():
            text = Path(__file__).with_name(f"{file}.py").read_text()
            met |= {name for name in names.split() if name in text}
        self.assertEqual([name for name in self.ok(self.c.get("/v1/config")) if name not in met], [])

    def test_the_defaults_are_those_of_the_contract(self):
        config = self.ok(self.c.get("/v1/config"))
        self.assertEqual({name: config[name] for name in DEFAULTS}, DEFAULTS)

    # -- bodies

    def test_json_body_bytes_max(self):
        self.set(json_body_bytes_max=2000)
        fits = json.dumps({"class": "N", "fields": {"x": ""}})
        for more, status in ((0, 201), (1, 413)):
            body = fits.replace('""', '"%s"' % ("y" * (2000 - len(fits) + more)))
            said = self.c.post("/v1/objects", body)
            w = self.wire()
            w.send(f"POST /v1/objects HTTP/1.1\r\nHost: {self.daemon.host}:{self.daemon.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
                   f"{len(body):x}\r\n{body}\r\n0\r\n\r\n")
            for answer in (said, w.answer()):
                self.ok(answer, 201) if status == 201 else self.refused(answer, 413, "json_body_bytes_max", 2000)

    def test_json_depth_max(self):
        self.set(json_depth_max=5)
        i = self.new()
        self.ok(self.c.put(f"/v1/objects/{i}/fields/x", "[[[[[1]]]]]"), 200, 201)
        self.problem(self.c.put(f"/v1/objects/{i}/fields/x", "[[[[[[1]]]]]]"), 400, "bad-json")
        self.assertEqual(self.batch(["push", i, 1])[-1]["failed"], 1)   # the same rules there
        self.assertIn("problem", self.batch('["set",%d,"x",[[[[[[1]]]]]]]' % i)[0])

    def test_bytes_body_max(self):
        self.set(bytes_body_max=4096)
        raw = {"Content-Type": "application/octet-stream"}
        self.ok(self.c.post("/v1/objects", b"x" * 4096, raw), 201)
        self.refused(self.c.post("/v1/objects", b"x" * 4097, raw), 413, "bytes_body_max", 4096)

    def test_batch_line_bytes_max(self):
        self.set(batch_line_bytes_max=1024)
        fits = '["list",["%s"]]' % ("x" * (1024 - len('["list",[""]]')))
        self.assertIn("id", self.batch(fits)[0])
        said = self.batch('["list",[]]', fits.replace('"]]', 'x"]]'))
        self.assertEqual((said[1]["line"], said[-1]), (1, {**said[-1], "done": 1, "failed": 1}))
        self.assertEqual(said[1]["problem"]["limit"], {"name": "batch_line_bytes_max", "value": 1024})

    def test_a_line_may_be_longer_than_what_else_waits_of_a_batch(self):
        self.set(batch_line_bytes_max=1 << 20)
        fits = '["list",["%s"]]' % ("x" * ((1 << 20) - len('["list",[""]]')))
        for _ in range(2):
            said = self.batch('["list",[]]', fits, fits.replace('"]]', 'x"]]'))
            self.assertIn("id", said[1])
            self.assertEqual(said[2]["problem"]["limit"], {"name": "batch_line_bytes_max", "value": 1 << 20})

    def test_batch_ops_max(self):
        self.set(batch_ops_max=3)
        self.done(*[["list", []]] * 3)
        said = self.batch(*[["list", []]] * 4)
        self.assertEqual((said[3]["line"], said[-1]["done"], said[-1]["failed"]), (3, 3, 1))
        self.assertEqual(said[3]["problem"]["limit"], {"name": "batch_ops_max", "value": 3})

    # -- heads

    def test_request_line_bytes_max(self):
        self.set(request_line_bytes_max=300)
        for more, status in ((0, 200), (1, 414)):
            line = "GET /livez?%s HTTP/1.1" % ("x" * (300 - len("GET /livez? HTTP/1.1") + more))
            said = self.wire_says(f"{line}\r\n@H\r\n\r\n")
            self.ok(said) if status == 200 else self.refused(said, 414, "request_line_bytes_max", 300)

    def test_header_bytes_max(self):
        self.set(header_bytes_max=500)
        host = f"Host: {self.daemon.host}:{self.daemon.port}\r\n"
        for more, status in ((0, 200), (1, 431)):
            fields = host + "X: %s\r\n" % ("x" * (500 - len(host) - len("X: \r\n\r\n") + more))
            said = self.wire_says(f"GET /livez HTTP/1.1\r\n{fields}\r\n")
            self.ok(said) if status == 200 else self.refused(said, 431, "header_bytes_max", 500)

    def test_header_fields_max(self):
        self.set(header_fields_max=9)
        for n, status in ((8, 200), (9, 431)):
            said = self.wire_says("GET /livez HTTP/1.1\r\n@H\r\n" + "X: y\r\n" * n + "\r\n")
            self.ok(said) if status == 200 else self.refused(said, 431, "header_fields_max", 9)
        self.set(header_fields_max=64)

    def test_chunk_extension_bytes_max(self):
        self.set(chunk_extension_bytes_max=20)
        for n, status in ((10, 200), (11, 413)):    # of the whole body, not of one chunk
            said = self.wire_says("POST /v1/gc/collect HTTP/1.1\r\n@H\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "1;aaaaaaaaaa\r\n{\r\n1;%s\r\n}\r\n0\r\n\r\n" % ("a" * n))
            self.ok(said) if status == 200 else self.refused(said, 413, "chunk_extension_bytes_max", 20)

    # -- sessions

    def test_sessions_max(self):
        self.set(sessions_max=2)
        first = self.session()[0]
        self.session()
        self.refused(self.c.post("/v1/sessions", {}), 429, "sessions_max", 2)
        self.ok(self.c.delete(f"/v1/sessions/{first['id']}"))
        self.session()

    def test_holds_per_session_max(self):
        self.set(holds_per_session_max=2)
        c = self.session()[1]
        kept = [self.new(client=c) for _ in range(2)]
        self.refused(c.post("/v1/objects", {"class": "N", "fields": {}}), 507, "holds_per_session_max", 2)
        self.ok(c.put(f"/v1/objects/{kept[0]}/hold"))   # it has that one
        self.drop(kept[0], client=c)
        self.new(client=c)

    def test_default_holds_max(self):
        self.set(default_holds_max=3, holds_per_session_max=1)
        kept = [self.new() for _ in range(3)]
        self.refused(self.c.post("/v1/objects", {"class": "N", "fields": {}}), 507, "default_holds_max", 3)
        self.new({}, root="held by another")            # no hold
        self.drop(kept[0])
        self.new()

    # -- bytes of a session: what it has made, whoever keeps it

    def bytes_of(self, session):
        return self.ok(self.c.get(f"/v1/sessions/{session}"))["bytes"]

    def makes(self, client, size=10_000, query=""):
        return client.post("/v1/objects" + query, b"x" * size, {"Content-Type": "application/octet-stream"})

    def test_bytes_per_session_max(self):
        doc, c = self.session()
        self.assertIsNone(self.bytes_of(doc["id"]))     # nobody counts
        self.set(bytes_per_session_max=50_000)
        self.assertEqual(self.bytes_of(doc["id"]), 0)
        kept = [self.ok(self.makes(c), 201) for _ in range(4)]
        self.assertEqual(self.bytes_of("self"), 0)      # of the default session
        self.assertEqual(self.bytes_of(doc["id"]), self.ok(c.get("/v1/sessions/self"))["bytes"])
        self.assertTrue(sum(k["bytes"] for k in kept) <= self.bytes_of(doc["id"]) < 41_000)
        self.refused(self.makes(c), 507, "bytes_per_session_max", 50_000)
        self.assertLess(self.bytes_of(doc["id"]), 41_000)
        self.drop(kept[0]["id"], client=c)
        self.ok(self.makes(c), 201)
        self.ok(self.makes(self.session()[1]), 201)     # another's
        self.ok(self.makes(self.c, 100_000), 201)       # and the default one's, which has a limit of its own
        self.set(bytes_per_session_max=0)
        self.assertIsNone(self.bytes_of(doc["id"]))
        self.ok(self.makes(c, 100_000), 201)

    def full_session(self):
        self.set(bytes_per_session_max=20_000)
        doc, c = self.session()
        i = self.new({"a": 1, "c": 2}, client=c)
        items = self.new(items=[], client=c)
        self.ok(self.makes(c, 19_500, f"?into={items}"), 201)
        self.ok(c.post(f"/v1/objects/{items}/items", json.dumps("s" * 600)), 201)
        return doc, c, i, items

    def test_whatever_grows_is_refused_to_a_full_session_and_nothing_else(self):
        doc, c, i, items = self.full_session()
        refused = lambda said: self.refused(said, 507, "bytes_per_session_max", 20_000)
        refused(c.post("/v1/objects", {"fields": {}}))
        refused(c.post("/v1/objects", {"items": [1]}))
        refused(c.put(f"/v1/objects/{i}/fields/b", "[]"))
        refused(c.patch(f"/v1/objects/{i}", {"b": "x"}))
        refused(c.post(f"/v1/objects/{items}/items", "1"))
        refused(c.post("/v1/objects", {"items": [[k] for k in range(5000)]}))
        for op in (["new", "N", {}], ["list", []], ["bytes", ""], ["push", items, 1], ["set", i, "b", {}]):
            said = self.batch(op, client=c)
            self.assertEqual(said[0]["problem"]["limit"], {"name": "bytes_per_session_max", "value": 20_000}, op)
        self.ok(c.get(f"/v1/objects/{i}"))
        self.ok(c.patch(f"/v1/objects/{i}", {"a": None}))
        self.ok(c.put(f"/v1/objects/{i}/hold"))
        self.ok(c.put("/v1/roots/r", {"$ref": i}), 200, 201)
        self.done(["unset", i, "c"], ["get", i], client=c)
        self.ok(c.delete(f"/v1/objects/{items}/items/1"), 204)
        self.ok(c.delete(f"/v1/objects/{items}/items/0"), 204)
        self.new(client=c)

    def test_a_long_body_stops_where_the_session_is_full(self):
        self.set(bytes_per_session_max=100_000)
        doc, c = self.session()
        self.refused(c.post("/v1/objects", {"items": [[k] for k in range(50_000)]}), 507, "bytes_per_session_max", 100_000)
        self.assertTrue(eventually(lambda: self.heap()["objects"] == 0))
        self.assertLess(self.bytes_of(doc["id"]), 100)          # a class may remember its name for a while

    def test_what_others_make_grow_is_paid_for_by_who_made_it(self):
        self.set(bytes_per_session_max=100_000, default_bytes_max=100_000)
        doc, c = self.session()
        items = self.new(items=[], client=c)
        before = self.bytes_of(doc["id"]), self.bytes_of(0)
        self.done(*[["push", items, k] for k in range(5000)])
        self.assertGreater(self.bytes_of(doc["id"]), before[0] + 20_000)
        self.assertEqual(self.bytes_of(0), before[1])

    def test_what_a_session_leaves_behind_the_default_one_pays_for(self):
        self.set(bytes_per_session_max=100_000)
        doc, c = self.session()
        self.ok(self.makes(c, 50_000, "?root=left"), 201)
        before = self.bytes_of(0)
        self.ok(c.delete("/v1/sessions/self"))
        self.assertGreater(self.bytes_of(0), before + 50_000)
        self.unroot("left")
        self.assertLess(self.bytes_of(0), before + 1000)

    def test_a_collection_gives_back_what_was_paid_for(self):
        self.set(bytes_per_session_max=1_000_000)
        doc, c = self.session()
        a, b = (self.new({"s": "s" * 100_000}, client=c) for _ in range(2))
        self.link(a, "to", b), self.link(b, "to", a)
        self.drop(a, client=c), self.drop(b, client=c)
        self.assertGreater(self.bytes_of(doc["id"]), 200_000)
        self.assertEqual(self.collect(), 2)
        self.assertLess(self.bytes_of(doc["id"]), 1000)
        self.validate_clean()

    def test_default_bytes_max(self):
        self.set(default_bytes_max=30_000)
        kept = self.ok(self.makes(self.c, 25_000), 201)["id"]
        self.refused(self.makes(self.c, 25_000), 507, "default_bytes_max", 30_000)
        self.ok(self.makes(self.session()[1], 100_000), 201)
        self.drop(kept)
        self.ok(self.makes(self.c, 25_000), 201)

    # -- turns: nothing to be seen but that all is done, however small they are

    def test_turn_requests_max(self):
        self.set(turn_requests_max=1, batch_turn_ops=1, reap_per_request=0)
        w, other = self.wire(), self.client()
        for n in range(50):
            w.ask("POST", "/v1/batch", '["new","N",{}]\n' * 10).ask("GET", "/livez")
        self.assertEqual(other.get("/livez").status, 200)
        for n in range(50):
            self.assertEqual(len(w.answer("POST").raw.splitlines()), 11)
            self.assertEqual(w.answer().status, 200)

    test_batch_turn_ops = test_reap_per_request = test_turn_requests_max

    # -- the end

    def test_drain_timeout_ms(self):
        self.set(drain_timeout_ms=400)
        stream = self.stream()
        stream.op("new", "N", {})                   # an upload that will never end
        start = time.monotonic()
        self.daemon.terminate()
        self.assertEqual(self.daemon.finish(), 0)
        self.assertTrue(0.3 < time.monotonic() - start < min(8, WAIT))
        self.assertIn("cut", self.daemon.last_words)

    def test_who_has_had_its_last_answer_does_not_hold_up_the_end(self):
        self.set(drain_timeout_ms=4500)             # less than one may linger
        w = self.wire()
        w.ask("GET", "/livez", b"", "Connection: close").answer()
        self.assertTrue(w.at_end())                 # and stays half open
        self.daemon.terminate()
        self.assertEqual(self.daemon.finish(), 0)
        self.assertNotIn("cut", self.daemon.last_words)


if __name__ == "__main__":
    unittest.main()

"""
test_limits.py - every limit of /v1/config is met on purpose: at it all is well, one past it is refused by its name.

Limits of time, and of what many connections may do, are met in test_connections.py; sizes of whole heads in http_vectors.py
at their defaults, here at values of our own.
"""
import json
import time
import unittest
from pathlib import Path

from heapd_test import WAIT, HeapdTest

ELSEWHERE = {                                   # where the others are met
    "test_connections": "connections_max connections_per_peer_max pipeline_max header_timeout_ms body_bytes_per_s_min "
                        "idle_timeout_ms backlog_bytes_max backlog_timeout_ms buffer_bytes_max",
    "test_atomic": "atomic_ops_max atomic_bytes_max",
    "test_garbage": "memory_bytes_max",
    "test_gc_log": "pause_budget_us",
    "test_memory": "purge_decay_ms pack_used_pct",
    "test_long_bodies": "json_inline_bytes_max",
}
DEFAULTS = {                                    # what a user relies on who sets nothing
    "request_line_bytes_max": 8192, "header_bytes_max": 16384, "header_fields_max": 64, "json_body_bytes_max": 1048576,
    "json_depth_max": 64, "batch_line_bytes_max": 65536, "atomic_ops_max": 10000, "atomic_bytes_max": 1048576, "bytes_body_max": 67108864, "chunk_extension_bytes_max": 4096,
    "header_timeout_ms": 10000, "body_bytes_per_s_min": 1024, "idle_timeout_ms": 60000, "connections_max": 20000,
    "connections_per_peer_max": 0, "backlog_bytes_max": 8388608, "backlog_timeout_ms": 30000, "buffer_bytes_max": 67108864,
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

"""test_ops.py - health, metrics, the API's own description, problem pages, instances, start and end."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from heapd_test import Client, Daemon, HeapdTest, WAIT, Wire, command, eventually

WITH_DATA = ("/v1/backup",)                     # this daemon has none; test_backup.py has
METHODS = ("get", "put", "post", "patch", "delete")
ROUTES = """
    POST GET /v1/objects; GET PATCH DELETE /v1/objects/{}; GET /v1/objects/{}/fields; GET PUT DELETE /v1/objects/{}/fields/{};
    GET POST /v1/objects/{}/items; GET PUT DELETE /v1/objects/{}/items/{}; GET PUT /v1/objects/{}/bytes;
    PUT DELETE /v1/objects/{}/hold; GET /v1/objects/{}/referrers; GET /v1/objects/{}/referents;
    GET /v1/objects/{}/why; GET /v1/objects/{}/retained;
    GET /v1/roots; GET PUT DELETE /v1/roots/{}; GET /v1/weak; GET PUT DELETE /v1/weak/{};
    GET POST /v1/sessions; GET PUT DELETE /v1/sessions/{}; GET /v1/sessions/{}/holds; POST /v1/batch;
    GET PATCH /v1/gc; POST /v1/gc/collect; PUT DELETE /v1/gc/freeze; GET DELETE /v1/gc/garbage; GET /v1/gc/log;
    GET /v1/heap; GET /v1/heap/pools; GET /v1/heap/classes; GET /v1/heap/sites; GET /v1/heap/suspects;
    POST /v1/heap/purge; POST /v1/heap/validate; POST /v1/heap/reset_peak;
    POST GET /v1/snapshots; GET DELETE /v1/snapshots/{}; GET /v1/snapshots/{}/diff/{};
    GET /v1/events; GET PATCH /v1/config; GET /v1/backup; GET /livez; GET /readyz; GET /metrics; GET /openapi.json"""
PROBLEMS = """bad-json bad-request no-such-object no-such-name not-held session-ended busy collected changed other-instance
    bad-value dangling wrong-kind not-ready heap-full answer-not-kept""".split()


class Operation(HeapdTest):
    def test_it_is_alive_and_ready(self):
        for path in ("/livez", "/readyz"):
            self.assertEqual(self.c.get(path).status, 200)

    def families(self, text):
        """Prometheus text: {family: (type, help, [(sample, labels, value)])}."""
        found = {}
        for line in text.splitlines():
            if m := re.fullmatch(r"# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)", line):
                found.setdefault(m[2], {"samples": []})[m[1]] = m[3]
            elif line and not line.startswith("#"):
                m = re.fullmatch(r'([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\]|\\.)*",?)*\})? (\S+)( \d+)?', line)
                self.assertTrue(m, line)
                name = next((n for n in (m[1], re.sub("_(total|bucket|sum|count|created|info)$", "", m[1])) if n in found), None)
                self.assertIsNotNone(name, f"no TYPE before {line}")
                found[name]["samples"].append((m[1], m[2] or "", float(m[3])))
        return found

    def test_metrics_are_ten_families_or_more_each_explained(self):
        said = self.c.get("/metrics")
        self.assertEqual(said.status, 200)
        self.assertRegex(said.headers["content-type"], r"^text/plain; ?version=0\.0\.4")
        families = self.families(said.raw.decode())
        self.assertGreaterEqual(len(families), 10)
        for name, family in families.items():
            self.assertTrue(family.get("HELP") and family.get("TYPE") in ("counter", "gauge", "histogram", "summary", "untyped"),
                            name)
            self.assertTrue(family["samples"], name)
            labels = [s[:2] for s in family["samples"]]
            self.assertEqual(len(labels), len(set(labels)), name)
        self.assertGreaterEqual(len([n for n in families if n.startswith("heapd_")]), 10)

    def test_metrics_speak_openmetrics_if_asked(self):
        said = self.c.get("/metrics", {"Accept": "application/openmetrics-text; version=1.0.0"})
        self.assertTrue(said.headers["content-type"].startswith("application/openmetrics-text"))
        self.assertTrue(said.raw.endswith(b"# EOF\n"))
        families = self.families(said.raw.decode())
        self.assertEqual([n for n, f in families.items() if f["TYPE"] == "counter" and n.endswith("_total")], [])

    def paths(self):
        doc = self.ok(self.c.get("/openapi.json"))
        self.assertRegex(doc["openapi"], r"^3\.1")
        self.assertLessEqual({"title", "version"}, set(doc["info"]))
        return doc["paths"]

    def test_openapi_names_every_route(self):
        told = {(m, re.sub(r"\{\w+\}", "{}", path)) for path, item in self.paths().items() for m in METHODS if m in item}
        want = {(m.lower(), words[-1]) for words in (r.split() for r in ROUTES.split(";")) for m in words[:-1]}
        self.assertEqual(want - told, set())

    def test_every_route_that_openapi_names_answers(self):
        self.ok(self.c.patch("/v1/config", {"snapshots_max": 100}))
        for path, item in self.paths().items():
            for method in (m for m in METHODS if m in item):
                target = self.existing(path)
                w = self.wire()
                w.ask(method.upper(), target, b"{}" if method in ("put", "post", "patch") else b"", "Accept: */*")
                status = w.response().status
                w.close()
                if target in WITH_DATA:
                    self.assertEqual(status, 501)
                    continue
                self.assertNotIn(status, (404, 405, 501), f"{method} {target}")
                self.assertLess(status, 500, f"{method} {target}")

    def existing(self, path):
        """The path with each {name} replaced by something that exists."""
        kind = "items" if "/items" in path else "bytes" if "/bytes" in path else "record"
        i = (self.new(items=[1]) if kind == "items" else self.new({"f": 1}) if kind == "record" else
             self.ok(self.c.post("/v1/objects", b"abc", {"Content-Type": "application/octet-stream"}), 201)["id"])
        self.root("f", i)
        self.ok(self.c.put("/v1/weak/f", {"$ref": i}), 200, 201, 204)
        if "/sessions/" in path:
            i = self.session()[0]["id"]
        if "/snapshots/" in path:
            i = self.ok(self.c.post("/v1/snapshots"), 201)["n"]
        first = "bad-value" if path.startswith("/problems/") else "f" if re.match("/v1/(roots|weak)/", path) else str(i)
        path = re.sub(r"\{\w+\}", first, path, count=1)
        return re.sub(r"\{\w+\}", "0" if kind == "items" else first if "/snapshots/" in path else "f", path)

    def test_every_problem_has_a_page(self):
        for name in PROBLEMS:
            said = self.c.get(f"/problems/{name}")
            self.assertEqual(said.status, 200, name)
            self.assertIn(name.encode(), said.raw)
        refused = self.problem(self.c.get("/v1/objects/99999999"), 404, "no-such-object")
        self.assertEqual(self.c.get(refused["type"]).status, 200)
        self.problem(self.c.get("/problems/nonsense"), 404, "no-such-name")

    def test_an_unknown_route_is_404(self):
        i = self.new()
        for path in ("/nonsense", "/v1", "/v1/", "/v1/nonsense", "/v2/objects", f"/v1/objects/{i}/nonsense",
                     f"/v1/objects/{i}/fields/a/b", "/v1/gc/nonsense", "/V1/gc", "/v1//gc", "/v1/gc/"):
            for method in ("GET", "DELETE"):
                self.problem(self.c.request(method, path), 404, "no-such-name")

    def test_a_method_that_a_route_has_not_is_405_with_allow(self):
        i = self.new({"f": 1})
        for method, path, allowed in (("POST", "/v1/gc", "GET PATCH"), ("DELETE", "/v1/objects", "GET POST"),
                                      ("GET", "/v1/batch", "POST"), ("POST", f"/v1/objects/{i}", "GET PATCH DELETE"),
                                      ("PATCH", f"/v1/objects/{i}/fields/f", "GET PUT DELETE"), ("GET", "/v1/gc/collect", "POST"),
                                      ("DELETE", "/livez", "GET"),
                                      ("PUT", "/v1/heap/validate", "POST"), ("POST", "/v1/roots/x", "GET PUT DELETE"),
                                      ("POST", f"/v1/objects/{i}/hold", "PUT DELETE")):
            said = self.c.request(method, path)
            self.problem(said, 405)
            self.assertLessEqual(set(allowed.split()), set(re.split(", *", said.headers["allow"])), path)
            self.assertNotIn(method, re.split(", *", said.headers["allow"]))

    def test_options_tells_what_is_allowed(self):
        for path, allowed in (("/v1/gc", "GET PATCH"), ("/v1/objects", "GET POST"), ("/v1/batch", "POST")):
            said = self.c.request("OPTIONS", path)
            self.assertIn(said.status, (200, 204, 405))
            self.assertLessEqual(set(allowed.split()), set(re.split(", *", said.headers["allow"])), path)

    def test_every_answer_names_the_instance(self):
        i = self.new({"a": 1})
        tag, instance = self.c.get(f"/v1/objects/{i}").headers["etag"], self.c.get("/livez").headers["heapd-instance"]
        self.assertTrue(instance)
        answers = [self.c.get("/v1/gc"), self.c.get("/nonsense"), self.c.post("/v1/objects", "{"), self.c.put("/v1/gc", "{}"),
                   self.c.get(f"/v1/objects/{i}", {"If-None-Match": tag}),
                   self.c.delete(f"/v1/objects/{i}/fields/a"), self.c.post("/v1/batch", '["list",[]]'), self.c.head("/v1/heap"),
                   self.c.get("/metrics"),
                   self.c.get(f"/v1/objects/{self.dead_id()}"), self.c.get("/v1/gc", {"Host": "evil.example"}),
                   self.wire().send("nonsense\r\n\r\n").answer()]
        self.assertEqual([a.headers.get("heapd-instance") for a in answers], [instance] * len(answers))

    def test_another_instance_is_412_and_nothing_happens(self):
        instance = self.c.get("/livez").headers["heapd-instance"]
        i = self.new({"a": 1})
        self.ok(self.c.put(f"/v1/objects/{i}/fields/a", "2", {"If-Heapd-Instance": instance}))
        self.problem(self.c.put(f"/v1/objects/{i}/fields/a", "3", {"If-Heapd-Instance": instance[:-1]}), 412, "other-instance")
        self.problem(self.c.post("/v1/batch", f'["set",{i},"a",4]', {"If-Heapd-Instance": "x"}), 412, "other-instance")
        self.assertEqual(self.doc(i)["fields"], {"a": 2})
        other = Daemon()
        client = Client(other)
        try:
            self.assertNotEqual(client.get("/livez").headers["heapd-instance"], instance)
        finally:
            client.close()
            other.terminate()
            self.assertEqual(other.finish(), 0)

    def test_writes_say_that_nothing_is_durable_without_data(self):
        self.assertEqual(self.c.post("/v1/objects", {}).headers["heapd-durable"], "0")


class Ending(HeapdTest):
    fresh = True

    def test_a_request_in_flight_is_answered_before_the_end(self):
        s = self.stream()
        first = s.op("new", "Node", {})
        self.daemon.terminate()
        time.sleep(0.2)
        self.assertEqual(s.op("get", "@0")["id"], first["id"])
        self.assertEqual(s.end(), {"done": 2, "failed": 0})
        self.assertEqual(self.daemon.finish(), 0)

    def test_idle_connections_do_not_delay_the_end(self):
        idle = [self.wire() for _ in range(20)]
        for w in idle[:10]:
            self.assertEqual(w.ask("GET", "/livez").answer().status, 200)
        idle[11].send("GET /livez HTT")
        start = time.monotonic()
        self.daemon.terminate()
        self.assertEqual(self.daemon.finish(), 0)
        self.assertLess(time.monotonic() - start, 10)
        self.assertRaises(OSError, socket.create_connection, (self.daemon.host, self.daemon.port), 1)

    def test_a_full_heap_ends_as_cleanly_as_an_empty_one(self):
        self.done(*[["new", "N", {"in": [{}]}] for _ in range(3000)], ["list", [{"$ref": f"@{n}"} for n in range(3000)]],
                  ["root", "all", "@3000"])
        self.ok(self.c.put("/v1/gc/freeze"))
        self.session()
        self.assertGreater(self.heap()["objects"], 9000)

    def test_an_interrupt_ends_it_too(self):
        self.daemon.process.send_signal(signal.SIGINT)
        self.daemon.told = True
        self.assertEqual(self.daemon.finish(), 0)


class Starting(HeapdTest):
    def refused(self, *options):
        run = subprocess.run([*command(), *options], stdin=subprocess.DEVNULL, capture_output=True, timeout=WAIT, check=False)
        self.assertNotEqual(run.returncode, 0, options)
        self.assertGreater(run.returncode, 0, options)              # an exit, not a crash
        self.assertTrue(run.stderr, options)
        self.assertNotIn(b"heapd ready", run.stdout)

    def test_a_start_that_cannot_work_is_refused(self):
        self.refused("--nonsense")
        self.refused("--listen")
        self.refused("--listen", "127.0.0.1:99999")
        self.refused("--listen", f"127.0.0.1:{self.daemon.port}")   # taken
        self.refused("--listen", "127.0.0.1:0", "--config", "/nonexistent/heapd.conf")
        with tempfile.NamedTemporaryFile("w") as f:
            f.write("no_such_setting = 1\n")
            f.flush()
            self.refused("--listen", "127.0.0.1:0", "--config", f.name)

    def test_the_printed_config_is_a_config_file_that_changes_nothing(self):
        printed = subprocess.run([*command(), "--print-config"], capture_output=True, timeout=WAIT, check=True).stdout
        defaults = self.ok(self.c.get("/v1/config"))
        with tempfile.NamedTemporaryFile("wb") as f:
            f.write(printed.replace(b"\npipeline_max = 64\n", b"\npipeline_max = 63\n"))
            f.flush()
            daemon = Daemon("--config", f.name)
            try:
                c = Client(daemon)
                self.assertEqual(c.get("/v1/config").json, {**defaults, "pipeline_max": 63})
                c.close()
            finally:
                daemon.terminate()
                self.assertEqual(daemon.finish(), 0)
        self.assertEqual({line.split(b" = ")[0].decode() for line in printed.splitlines() if b" = " in line and line[:1] != b"#"},
                         set(defaults))

    def test_a_start_open_to_the_world_without_tokens_is_refused(self):
        self.refused("--listen", "0.0.0.0:0")

    def test_a_unix_socket_is_a_listener_and_asks_for_no_host(self):
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, "heapd.sock")
            daemon = Daemon("--listen", f"unix:{path}")
            try:
                self.assertTrue(eventually(lambda: os.path.exists(path)))
                w = Wire(daemon, socket.AF_UNIX, path)
                w.send("GET /v1/gc HTTP/1.1\r\nHost: whoever\r\n\r\n")
                self.assertEqual(w.answer().status, 200)
                w.close()
            finally:
                daemon.terminate()
                self.assertEqual(daemon.finish(), 0)


class AllowHost(HeapdTest):
    options = ("--allow-host", "heap.example")

    def test_an_allowed_host_is_served(self):
        for host, status in (("heap.example", 200), ("HEAP.example", 200), ("evil.example", 403),
                             (f"127.0.0.1:{self.daemon.port}", 200)):
            self.assertEqual(self.c.get("/v1/gc", {"Host": host}).status, status, host)


if __name__ == "__main__":
    unittest.main()

"""
test_bad_input.py - whatever comes in, heapd answers properly, changes nothing, and serves on.

Syntax that HTTP parsers disagree about gets one answer, the end of the connection, and nothing behind it
is read: each such request here is followed by one that would make a root, and none may.
"""
import json
import time
import unittest

from heapd_test import HeapdTest, eventually

JSON_MAX = 1 << 20


class BadInput(HeapdTest):
    def setUp(self):
        super().setUp()
        self.host = f"{self.daemon.host}:{self.daemon.port}"
        self.target = self.new()
        self.body = json.dumps({"$ref": self.target})
        self.addCleanup(self.nothing_changed, self.heap()["objects"])

    def nothing_changed(self, objects):
        self.assertEqual(self.ok(self.c.get("/v1/roots"))["items"], [])
        self.assertEqual(self.heap()["objects"], objects)
        self.validate_clean()
        self.drop(self.target)

    def refused(self, data, statuses, name=None):
        """One problem of these statuses, then the end, and nothing behind it read."""
        w = self.wire()
        data = data if isinstance(data, bytes) else data.encode("latin-1")
        evil = f"PUT /v1/roots/behind HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(self.body)}\r\n\r\n{self.body}".encode()
        try:
            w.send(data + evil)
        except (BrokenPipeError, ConnectionResetError):
            pass
        said = w.answer()
        self.assertIn(said.status, statuses if isinstance(statuses, tuple) else (statuses,), data[:200])
        self.assertEqual(said.headers.get("connection", "").lower(), "close", data[:200])
        self.problem(said, statuses, name)
        self.assertTrue(w.at_end(), data[:200])
        w.close()
        return said


class Framing(BadInput):
    def put(self, *lines, version="HTTP/1.1", host=True, body="", target="PUT /v1/roots/evil"):
        head = [f"{target} {version}", *([f"Host: {self.host}"] if host else []), *lines]
        return "\r\n".join(head) + "\r\n\r\n" + body

    def test_bare_cr_and_bare_lf(self):
        b, n = self.body, len(self.body)
        for bad in (f"PUT /v1/roots/evil HTTP/1.1\nHost: {self.host}\nContent-Length: {n}\n\n{b}",
                    f"PUT /v1/roots/evil HTTP/1.1\r\nHost: {self.host}\nContent-Length: {n}\r\n\r\n{b}",
                    f"PUT /v1/roots/evil HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {n}\r\n\n{b}",
                    f"PUT /v1/roots/evil HTTP/1.1\rHost: {self.host}\r\nContent-Length: {n}\r\n\r\n{b}",
                    self.put(f"Content-Length: {n}", "X: a\rY: b", body=b), self.put(f"Content-Length: {n}", "X: a\nY: b", body=b),
                    self.put("X: \rTransfer-Encoding: chunked", f"Content-Length: {n}", body=b),
                    self.put(f"Content-Length: {n}\r", body=b)):
            self.refused(bad, 400)

    def test_folded_lines(self):
        b, n = self.body, len(self.body)
        for fold in (" ", "\t", "  "):
            self.refused(self.put(f"Content-Length: {n}", f"X: a\r\n{fold}b", body=b), 400)
            self.refused(self.put(f"Content-Length:\r\n{fold}{n}", body=b), 400)
            self.refused(self.put(f"Content-Length: {n}", f"X: a\r\n{fold}", body=b), 400)
        self.refused(f"PUT /v1/roots/evil HTTP/1.1\r\n Host: {self.host}\r\nContent-Length: {n}\r\n\r\n{b}", 400)

    def test_control_bytes_and_names(self):
        b, n = self.body, len(self.body)
        for line in ("X: a\0b", "X: a\x01b", "X: a\x7fb", "X\0: a", ": a", "X : a", "X\t: a", "X", "X Y: a", "X(: a", "\x80: a",
                     "X: \x1b"):
            self.refused(self.put(f"Content-Length: {n}", line, body=b), 400)
        for target in ("/v1/roots/e\0il", "/v1/roots/e\x01il", "/v1/roots/e\x7fil", "/v1/roots/e il", "/v1/roots/\x80",
                       "v1/roots/evil", "", "/v1/roots/evil#x"):
            self.refused(f"PUT {target} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {n}\r\n\r\n{b}", 400)

    def test_not_exactly_one_host(self):
        b, n = self.body, len(self.body)
        self.refused(self.put(f"Content-Length: {n}", host=False, body=b), 400)
        for line in (f"Host: {self.host}", "Host: evil.example", f"HOST: {self.host}", "Host:"):
            self.refused(self.put(f"Content-Length: {n}", line, body=b), 400)

    def test_transfer_encoding_other_than_a_lone_chunked(self):
        b = self.body
        chunked = f"{len(b):x}\r\n{b}\r\n0\r\n\r\n"
        for lines in (("Transfer-Encoding: gzip",), ("Transfer-Encoding: gzip, chunked",), ("Transfer-Encoding: chunked, chunked",),
                      ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
                      ("Transfer-Encoding: identity",), ("Transfer-Encoding: xchunked",), ("Transfer-Encoding: chunked;q=1",),
                      ("Transfer-Encoding: \"chunked\"",),
                      ("Transfer-Encoding:",), ("Transfer-Encoding: chunked", "Transfer-Encoding: identity")):
            self.refused(self.put(*lines, body=chunked), (400, 501))
        for lines in (("Transfer-Encoding: chunked", f"Content-Length: {len(chunked)}"),
                      (f"Content-Length: {len(b)}", "Transfer-Encoding: chunked"),
                      ("Transfer-Encoding:", f"Content-Length: {len(b)}"),
                      ("Content-Length: 0", "Transfer-Encoding: chunked"),
                      (f"Content-Length: {len(chunked)}", "Transfer-Encoding: identity")):
            self.refused(self.put(*lines, body=chunked), (400, 501))
        for target in ("PUT /v1/roots/evil", "GET /v1/gc"):
            for lines in (("Transfer-Encoding: chunked",), ("Transfer-Encoding: chunked", "Connection: keep-alive")):
                self.refused(self.put(*lines, version="HTTP/1.0", body=chunked, target=target), (400, 501))

    def test_content_length_that_is_not_one_run_of_digits(self):
        b, n = self.body, len(self.body)
        for value in (f"+{n}", f"-{n}", f"{n},{n}", f"{n}, {n}", f"0x{n:x}", f"{n} 0", f"{n}.0", f"{n}e0", "", "x", "1" * 30,
                      f"{n};", f"\u00b2{n}"):
            self.refused(self.put(f"Content-Length: {value}", body=b), (400, 413))
        for lines in ((f"Content-Length: {n}", f"Content-Length: {n}"), (f"Content-Length: {n}", f"Content-Length: {n + 1}"),
                      (f"Content-Length: {n}", "content-length: 0")):
            self.refused(self.put(*lines, body=b), 400)

    def test_bad_chunks(self):
        b = self.body
        n, te = len(b), "Transfer-Encoding: chunked"
        for chunked in (f"x\r\n{b}\r\n0\r\n\r\n", f"-{n:x}\r\n{b}\r\n0\r\n\r\n", f"+{n:x}\r\n{b}\r\n0\r\n\r\n",
                        f"0x{n:x}\r\n{b}\r\n0\r\n\r\n", f"{n:x}\n{b}\r\n0\r\n\r\n", f"{n:x}\r\n{b}\n0\r\n\r\n",
                        f"{n:x}\r\n{b}0\r\n\r\n", f"{n:x}\r\n{b}xx\r\n0\r\n\r\n", f"{n:x};a\rb\r\n{b}\r\n0\r\n\r\n",
                        f"{n:x};a\nb\r\n{b}\r\n0\r\n\r\n", f" {n:x}\r\n{b}\r\n0\r\n\r\n",
                        f"{n:x}\r\n{b}\r\n0\r\nX y: z\r\n\r\n", f"{n:x}\r\n{b}\r\n0\r\n: z\r\n\r\n", f"\r\n{b}\r\n0\r\n\r\n",
                        "f" * 20 + f"\r\n{b}\r\n0\r\n\r\n"):
            self.refused(self.put(te, body=chunked), (400, 413))

    def test_other_protocols_and_methods(self):
        b, n = self.body, len(self.body)
        for line, statuses in (("PUT /v1/roots/evil HTTP/2.0", (400, 505)), ("PUT /v1/roots/evil HTTP/1.2", (400, 505)),
                               ("PUT /v1/roots/evil HTTP/0.9", (400, 505)), ("PUT /v1/roots/evil HTTP/3", (400, 505)),
                               ("PUT /v1/roots/evil HTTP/1.1x", (400, 505)), ("PUT /v1/roots/evil http/1.1", (400, 505)),
                               ("PUT /v1/roots/evil RTSP/1.0", (400, 501, 505)),
                               ("PUT /v1/roots/evil", (400, 505)), ("PUT  /v1/roots/evil HTTP/1.1", 400),
                               ("PUT\t/v1/roots/evil HTTP/1.1", 400), ("PUT /v1/roots/evil  HTTP/1.1", 400),
                               ("BREW /v1/roots/evil HTTP/1.1", (400, 405, 501)), ("put /v1/roots/evil HTTP/1.1", (400, 405, 501)),
                               ("\x16\x03\x01\x02", 400), ("PRI * HTTP/2.0", (400, 501, 505)),
                               ("SOURCE /v1/roots/evil ICE/1.0", (400, 501, 505)),
                               ("DESCRIBE /v1/roots/evil RTSP/1.0", (400, 501, 505)), ("PUT/v1/roots/evil HTTP/1.1", (400, 501))):
            self.refused(f"{line}\r\nHost: {self.host}\r\nContent-Length: {n}\r\n\r\n{b}", statuses)

    def test_a_target_that_is_too_long(self):
        self.refused(f"PUT /v1/roots/{'e' * 100000} HTTP/1.1\r\nHost: {self.host}\r\n\r\n", 414)

    def test_a_header_without_end(self):
        self.refused(f"GET /v1/gc HTTP/1.1\r\nHost: {self.host}\r\nX: " + "x" * 100000, 431)
        self.refused(f"GET /v1/gc HTTP/1.1\r\nHost: {self.host}\r\n" + "".join(f"X-{n}: {n}\r\n" for n in range(20000)), 431)
        w = self.wire()
        w.send(f"GET /v1/gc HTTP/1.1\r\nHost: {self.host}\r\n")
        self.assertTrue(eventually(lambda: self.is_cut_off(w)))

    def is_cut_off(self, w):
        """True if the peer takes no more header lines."""
        try:
            w.send("X: " + "y" * 10000 + "\r\n")
        except OSError:
            return True
        return False


class Bodies(BadInput):
    def test_what_is_not_json_is_refused(self):
        for bad in ("{", "", "nonsense", "{'a':1}", '{"a":}', '{"a":1,}', "[1,]", '{"a" 1}', '"', '"\t"', '"\\x"', "tru", "{}{}",
                    "{} x", "\0", "\ufeff{}", "1 2", '{"a":1e}', '{"a":-}', "/**/{}"):
            self.problem(self.c.post("/v1/objects", bad), 400, ("bad-json", "bad-request"))
            self.problem(self.c.patch(f"/v1/objects/{self.target}", bad), 400, ("bad-json", "bad-request"))
            self.problem(self.c.put(f"/v1/objects/{self.target}/fields/x", bad if bad != '"' else "{"), 400,
                         ("bad-json", "bad-request"))
        self.assertEqual(self.doc(self.target)["fields"], {})

    def test_wrong_types_are_refused(self):
        t = self.target
        for method, path, bodies in (("POST", "/v1/objects", ([], "5", "null", '"x"', {"class": 5, "fields": {}},
                                                              {"class": "", "fields": {}}, {"class": None, "items": 5},
                                                              {"fields": []}, {"fields": "x"}, {"items": {}}, {"items": "x"},
                                                              {"class": "c" * 256, "fields": {}}, {"root": 5}, {"root": ""},
                                                              {"into": []}, {"into": {"field": "x"}},
                                                              {"into": {"id": "1", "field": "x"}},
                                                              {"into": {"id": t, "field": 5}})),
                                     ("PATCH", f"/v1/objects/{t}", ([], "5", "null")), ("PATCH", "/v1/gc", ([], "5")),
                                     ("PATCH", "/v1/config", ([], "5")), ("POST", "/v1/gc/collect", ([], "5", {"generation": "2"})),
                                     ("POST", "/v1/sessions", ("5", [])), ("PUT", "/v1/roots/r", ([], "5", {}))):
            for body in bodies:
                self.problem(self.c.request(method, path, body), (400, 422))

    def test_a_json_body_has_at_most_1_mib(self):
        big = json.dumps({"class": "Big", "fields": {"x": "y" * (JSON_MAX + 10)}}).encode()
        for data in (b"Content-Length: %d\r\n\r\n" % len(big) + big, b"Transfer-Encoding: chunked\r\n\r\n" +
                     b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (big[:500000], big[500000:])) + b"0\r\n\r\n"):
            w = self.wire()
            try:
                w.send(f"POST /v1/objects HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\n".encode() + data)
            except OSError:
                pass
            said = self.problem(w.answer(), 413)
            self.assertEqual((set(said["limit"]), said["limit"]["value"]), ({"name", "value"}, JSON_MAX))
        i = self.new({"x": "y" * (JSON_MAX - 100)}, "B")
        self.assertEqual(len(self.doc(i)["fields"]["x"]), JSON_MAX - 100)
        self.drop(i)

    def test_a_body_cut_in_the_middle_does_nothing(self):
        whole = json.dumps({"class": "Cut", "fields": {"a": {"b": 1}}, "root": "cut"})
        for head, sent in ((f"Content-Length: {len(whole)}", whole[:-1]), (f"Content-Length: {len(whole) + 1}", whole),
                           ("Transfer-Encoding: chunked", f"{len(whole):x}\r\n{whole}\r\n"),
                           ("Transfer-Encoding: chunked", f"{len(whole):x}\r\n{whole}"),
                           ("Transfer-Encoding: chunked", f"{len(whole):x}\r\n{whole}\r\n0\r\n")):
            w = self.wire()
            w.send(f"POST /v1/objects HTTP/1.1\r\nHost: {self.host}\r\n{head}\r\n\r\n{sent}")
            time.sleep(0.02)
            w.close()
        time.sleep(0.1)
        self.assertEqual(self.pages("/v1/objects?class=Cut"), [])

    def test_a_body_that_arrived_whole_is_carried_out_though_nobody_waits(self):
        i = self.new()
        w = self.wire()
        w.ask("PUT", f"/v1/objects/{i}/fields/x", "1")
        w.close()
        self.assertTrue(eventually(lambda: self.doc(i)["fields"] == {"x": 1}))
        self.drop(i)

    def test_queries_that_mean_nothing_are_refused(self):
        for path in ("/v1/objects?limit=x", "/v1/objects?generation=9", f"/v1/objects/{self.target}?depth=x", "/v1/roots?limit=0"):
            self.problem(self.c.get(path), (400, 422))
        self.assertEqual(self.c.get("/v1/gc?whatever=1&x&=&&").status, 200)


class Browsers(BadInput):
    def test_a_foreign_host_is_refused(self):
        port = self.daemon.port
        for host in ("evil.example", f"evil.example:{port}", f"127.0.0.1.evil.example:{port}", f"localhost:{port + 1}",
                     f"127.0.0.1:{port + 1}", f"user@127.0.0.1:{port}", f"127.0.0.2:{port}", f"{self.host}x"):
            for method, path in (("GET", "/v1/gc"), ("PUT", "/v1/roots/evil")):
                w = self.wire()
                w.send(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(self.body)}\r\n\r\n{self.body}")
                self.problem(w.answer(), (403, 400) if "@" in host or host.endswith("x") else 403)
        for host in (self.host, f"localhost:{port}", f"LOCALHOST:{port}"):
            self.assertEqual(self.c.get("/v1/gc", {"Host": host}).status, 200)

    def test_a_foreign_origin_or_a_cross_site_request_is_refused(self):
        own = f"http://{self.host}"
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                        {"Origin": f"http://127.0.0.1:{self.daemon.port + 1}"}, {"Origin": own + ".evil.example"},
                        {"Origin": "https" + own[4:]},
                        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
                        {"Origin": own, "Sec-Fetch-Site": "cross-site"}):
            said = self.c.put("/v1/roots/evil", self.body, headers)
            self.assertEqual(said.status, 403, headers)
            self.problem(said, 403)
            self.problem(self.c.post("/v1/batch", f'["root","evil",{self.target}]', headers), 403)
            self.problem(self.c.get("/v1/gc", headers), 403)
        for headers in ({"Origin": own}, {"Origin": f"http://localhost:{self.daemon.port}"}, {"Sec-Fetch-Site": "same-origin"},
                        {"Sec-Fetch-Site": "none"}):
            self.ok(self.c.patch("/v1/gc", {}, headers))

    def test_a_cross_site_link_may_be_followed(self):
        self.ok(self.c.get("/v1/gc", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}))


class Connections(BadInput):
    def test_a_hundred_pipelined_requests_are_answered_in_order(self):
        i = self.new({f"f{n}": n for n in range(100)})
        w = self.wire()
        w.send(b"".join(f"GET /v1/objects/{i}/fields/f{n} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode() for n in range(100)))
        self.assertEqual([w.answer().json for _ in range(100)], list(range(100)))
        for n in range(100):                                        # each sees what the one before it did
            w.ask("PUT", f"/v1/objects/{i}/fields/x", str(n)).ask("GET", f"/v1/objects/{i}/fields/x")
        self.assertEqual([w.answer().json for _ in range(200)], [n for n in range(100) for _ in "pg"])
        w.ask("POST", "/v1/gc/collect").ask("POST", "/v1/batch", '["list",[]]').ask("GET", "/nonsense").ask("GET", "/livez")
        self.assertEqual([w.answer().status for _ in range(4)], [200, 200, 404, 200])
        self.drop(i)

    def test_a_request_split_anywhere_gets_the_same_answer(self):
        i = self.new()
        b = '{"n":7}'
        whole = (f"PATCH /v1/objects/{i} HTTP/1.1\r\nHost: {self.host}\r\nX-Y: z\r\nTransfer-Encoding: chunked\r\n\r\n"
                 f"3;e=1\r\n{b[:3]}\r\n{len(b) - 3:x}\r\n{b[3:]}\r\n0\r\nT: u\r\n\r\n"
                 f"GET /v1/objects/{i} HTTP/1.1\r\nHost: {self.host}\r\n\r\n").encode()
        w, want = self.wire(), None
        for at in range(len(whole)):
            w.send(whole[:at])
            time.sleep(0.001)
            w.send(whole[at:])
            said = [w.answer()[0::2] for _ in range(2)]
            want = want or said
            self.assertEqual(said, want, at)
            self.assertEqual([s[0] for s in said], [200, 200])
        for byte in whole:
            w.send(bytes([byte]))
        self.assertEqual([w.answer()[0::2] for _ in range(2)], want)
        self.drop(i)

    def test_a_bad_request_split_anywhere_is_as_bad(self):
        for bad in (f"GET /v1/gc HTTP/1.1\r\nHost: {self.host}\r\nX: a\r\n b\r\n\r\n",
                    f"GET /v1/gc HTTP/1.1\r\nHost: {self.host}\nX: a\r\n\r\n",
                    f"PUT /v1/roots/e HTTP/1.1\r\nHost: {self.host}\r\nTransfer-Encoding:\r\nContent-Length: 1\r\n\r\n1"):
            for at in range(4, len(bad), 3):
                w = self.wire()
                w.send(bad[:at])
                time.sleep(0.001)
                try:
                    w.send(bad[at:])
                except OSError:
                    pass
                self.assertIn(w.answer().status, (400, 501), (bad, at))
                self.assertTrue(w.at_end(), (bad, at))
                w.close()

    def test_close_and_http_1_0_close_and_keep_alive_keeps(self):
        for head, status in ((f"GET /livez HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n\r\n", 200),
                             (f"GET /livez HTTP/1.0\r\nHost: {self.host}\r\n\r\n", 200)):
            w = self.wire()
            self.assertEqual(w.send(head).answer().status, status)
            self.assertTrue(w.at_end())
        w = self.wire()
        for _ in range(50):
            self.assertEqual(w.ask("GET", "/nonsense").answer().status, 404)    # a wrong request is no broken connection

    def test_an_empty_line_before_a_request_is_no_request(self):
        self.assertEqual(self.wire().send("\r\n").ask("GET", "/livez").answer().status, 200)

    def test_who_expects_100_is_told_to_continue(self):
        w = self.wire()
        w.send(f"POST /v1/objects HTTP/1.1\r\nHost: {self.host}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        self.assertTrue(w.file.readline().startswith(b"HTTP/1.1 100"))
        w.file.readline()
        self.drop(self.ok(w.send("{}").answer(), 201)["id"])

    def test_who_is_refused_may_finish_sending_and_still_reads_why(self):
        w = self.wire()
        w.send(f"GET /v1/gc HTTP/1.1\r\nHost: {self.host}\r\nX : bad\r\n\r\n")
        for _ in range(4):
            time.sleep(0.03)
            w.send("x" * 50000)
        self.problem(w.answer(), 400)

    def test_silent_and_vanishing_connections_hurt_nobody(self):
        for n in range(100):
            w = self.wire()
            if n % 2:
                w.send(f"GET /v1/objects HTTP/1.1\r\nHost: {self.host}\r\n"[:n])
            if n % 3:
                w.close()
        self.assertEqual(self.c.get("/livez").status, 200)


if __name__ == "__main__":
    unittest.main()

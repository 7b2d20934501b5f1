"""
heapd_test.py - what every end-to-end test needs: a daemon of its own, a client, a raw connection.

The daemon is $HEAPD_BIN (a command, split as a shell would), by default the one in build/. A test class
starts one, or one a test if it says `fresh`; in the end its heap must be valid, SIGTERM must stop it and
its exit status must be 0. Every wait is bounded by WAIT seconds ($E2E_WAIT). Nothing here knows how heapd works inside.
"""
import http.client
import io
import json
import os
import queue
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from collections import namedtuple
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
WAIT = int(os.environ.get("E2E_WAIT", 30))
STRESSED = "HEAPD_GC_STRESS" in os.environ  # the collector and tidying run after every operation, off the clock
WALKS = ("/why", "/retained")
UNREAD = ("/v1/backup", "/v1/events")          # the one needs --data, the other has no end: they have tests of their own
PROBLEM_KEYS = {"type", "title", "status", "detail", "hint"}


def command():
    words = shlex.split(os.environ.get("HEAPD_BIN") or str(ROOT / "build/daemon/heapd"))
    here = ROOT / words[0]
    return [str(here) if here.exists() else words[0], *words[1:]]


def eventually(claim, seconds=WAIT, pause=0.01):
    """Asks until `claim()` is true; answers what it last said."""
    end = time.monotonic() + seconds
    while not (said := claim()) and time.monotonic() < end:
        time.sleep(pause)
    return said


class Daemon:
    """One heapd process, on a free port of 127.0.0.1 and wherever else `options` say."""

    def __init__(self, *options):
        self.log, self.told = tempfile.TemporaryFile(), False
        self.process = subprocess.Popen([*command(), "--listen", "127.0.0.1:0", *options], stdout=subprocess.PIPE,
                                        stderr=self.log, text=True)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.host, self.port = self._address()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def _address(self):
        end = time.monotonic() + WAIT
        try:
            while line := self.lines.get(timeout=max(0.01, end - time.monotonic())):
                if m := re.fullmatch(r"heapd ready http://([\d.]+):(\d+)\n", line):
                    return m[1], int(m[2])
            why = "it ended before it was ready"
        except queue.Empty:
            why = "no ready line in time"
        self.process.kill()
        self.process.wait(WAIT)
        raise AssertionError(f"{why}: {self.said()}")

    def said(self):
        """The end of its log; only once."""
        with self.log:
            self.log.seek(0)
            return self.log.read()[-4000:].decode("utf-8", "replace")

    def terminate(self):
        """SIGTERM, once."""
        if not self.told and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.told = True

    def finish(self):
        """Waits for its end and answers its exit status; kills it, and fails, if it will not end."""
        try:
            return self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(WAIT)
            raise AssertionError("heapd did not stop") from None
        finally:
            if not self.log.closed:
                self.reader.join(WAIT)
                self.process.stdout.close()
                self.last_words = self.said()


class Answer(namedtuple("Answer", "status headers json")):
    """`json` is the decoded body, None if there is none, or if it is no JSON; `raw` the bytes."""
    raw = b""


def answer_of(response):
    raw = response.read()
    headers = {k.lower(): v for k, v in response.getheaders()}
    kind = headers.get("content-type", "").split(";")[0]
    decoded = json.loads(raw) if raw and kind.endswith("json") and "ndjson" not in kind else None
    said = Answer(response.status, headers, decoded)
    said.raw = raw
    return said


def body_of(body):
    return body if body is None or isinstance(body, bytes) else body.encode() if isinstance(body,
        str) else json.dumps(body).encode()


class Client:
    """A keep-alive connection. A body of str or bytes goes out as it is, anything else as JSON."""

    def __init__(self, daemon, session=None, **headers):
        self.http = http.client.HTTPConnection(daemon.host, daemon.port, timeout=WAIT)
        self.headers = {**headers, **({"Heapd-Session": session} if session else {})}

    def request(self, method, path, body=None, headers=None):
        self.http.request(method, path, body_of(body), {**self.headers, **(headers or {})})
        return answer_of(self.http.getresponse())

    def get(self, path, headers=None):
        return self.request("GET", path, None, headers)

    def head(self, path, headers=None):
        return self.request("HEAD", path, None, headers)

    def post(self, path, body=None, headers=None):
        return self.request("POST", path, body, headers)

    def put(self, path, body=None, headers=None):
        return self.request("PUT", path, body, headers)

    def patch(self, path, body=None, headers=None):
        return self.request("PATCH", path, body, headers)

    def delete(self, path, headers=None):
        return self.request("DELETE", path, None, headers)

    def close(self):
        self.http.close()


class _Shared(io.BufferedReader):
    def close(self):                            # http.client closes after each answer; more may follow
        pass


class Wire:
    """A raw connection: bytes out, answers in."""

    def __init__(self, daemon, family=socket.AF_INET, address=None):
        self.daemon = daemon
        self.sock = socket.socket(family)
        self.sock.settimeout(WAIT)
        self.sock.connect(address or (daemon.host, daemon.port))
        if family == socket.AF_INET:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = _Shared(socket.SocketIO(self.sock, "rb"))

    def makefile(self, *_):
        return self.file

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def ask(self, method, path, body=b"", *lines):
        """A whole, proper request."""
        return self.send(request(self.daemon, method, path, body, *lines))

    def response(self, method="GET"):
        r = http.client.HTTPResponse(self, method=method)
        r.begin()
        return r

    def answer(self, method="GET"):
        return answer_of(self.response(method))

    def at_end(self):
        """True if the peer has closed and sent nothing more."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.sock.close()


def request(daemon, method, path, body=b"", *lines):
    body = body_of(body)
    head = [f"{method} {path} HTTP/1.1", f"Host: {daemon.host}:{daemon.port}", *lines]
    if body or method in ("POST", "PUT", "PATCH"):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body


class BatchStream(Wire):
    """A batch whose upload stays open: op by op out, answer by answer in."""

    def __init__(self, daemon, *lines, query=""):
        super().__init__(daemon)
        head = [f"POST /v1/batch{query} HTTP/1.1", f"Host: {daemon.host}:{daemon.port}", "Transfer-Encoding: chunked", *lines]
        self.send("\r\n".join([*head, "", ""]))
        self.reply = None

    def chunk(self, data):
        return self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def op(self, *op):
        """Sends one op and reads its answer, while the upload is still open."""
        self.chunk(json.dumps(op).encode() + b"\n")
        return self.line()

    def line(self):
        self.reply = self.reply or self.response("POST")
        return json.loads(self.reply.readline())

    def end(self):
        """Ends the upload and reads the summary."""
        self.send(b"0\r\n\r\n")
        return self.line()


class HeapdTest(unittest.TestCase):
    options = ()                                # of the daemon
    fresh = False                               # a daemon for each test, not for each class

    @classmethod
    def setUpClass(cls):
        if not cls.fresh:
            cls.begin(cls)

    @classmethod
    def tearDownClass(cls):
        if not cls.fresh:
            cls.end(cls)

    def setUp(self):
        if self.fresh:
            self.begin()
            self.addCleanup(self.end)

    def begin(self):
        self.daemon = Daemon(*self.options)
        self.c = Client(self.daemon)

    def end(self):
        """The heap is valid, and SIGTERM ends the daemon with status 0."""
        daemon, client, said = self.daemon, Client(self.daemon), None
        try:
            if not daemon.told:
                said = self.recount(client)
        finally:
            client.close()
            self.c.close()
            daemon.terminate()
            status = daemon.finish()
        assert status == 0, f"heapd ended with {status}: {daemon.last_words}"
        assert said is None or said.json["broken"] == [], said

    # -- what tests say again and again

    @staticmethod
    def recount(client):
        """A heap that is full has no room for the account of a recount either: then it gets some."""
        said = client.post("/v1/heap/validate")
        if said.status == 507 and client.patch("/v1/config", {"memory_bytes_max": 0}).status == 200:
            said = client.post("/v1/heap/validate")
        return said

    def validate_clean(self):
        self.assertEqual(self.ok(self.recount(self.c))["broken"], [])

    def ok(self, answer, *statuses):
        self.assertIn(answer.status, statuses or (200,), answer.raw[:600])
        return answer.json

    def problem(self, answer, status, name=None):
        """A problem document, with one of these statuses and names."""
        statuses, names = (x if isinstance(x, tuple) else (x,) for x in (status, name))
        self.assertIn(answer.status, statuses, answer.raw[:600])
        self.assertEqual(answer.headers.get("content-type", "").split(";")[0], "application/problem+json")
        self.problem_document(answer.json, answer.status, *names)
        return answer.json

    def problem_document(self, doc, status, *names):
        self.assertLessEqual(PROBLEM_KEYS, set(doc), doc)
        self.assertEqual(doc["status"], status, doc)
        self.assertTrue(doc["type"].startswith("/problems/"), doc)
        if names and names[0]:
            self.assertIn(doc["type"].removeprefix("/problems/"), names, doc)

    def client(self, session=None, **headers):
        c = Client(self.daemon, session, **headers)
        self.addCleanup(c.close)
        return c

    def wire(self):
        w = Wire(self.daemon)
        self.addCleanup(w.close)
        return w

    def stream(self, *lines, query=""):
        w = BatchStream(self.daemon, *lines, query=query)
        self.addCleanup(w.close)
        return w

    def session(self, ttl=60, label="test"):
        """A new session: its document and a client that is in it."""
        doc = self.ok(self.c.post("/v1/sessions", {"ttl": ttl, "label": label}), 201)
        return doc, self.client(doc["token"])

    def new(self, fields=None, kind="Node", client=None, **more):
        """A new record, or with items= a list, held by the session: its id."""
        body = {"class": kind, **more} if "items" in more else {"class": kind, "fields": fields or {}, **more}
        return self.ok((client or self.c).post("/v1/objects", body), 201)["id"]

    def doc(self, i, query=""):
        return self.ok(self.c.get(f"/v1/objects/{i}{query}"))

    def put(self, i, field, value):
        return self.ok(self.c.put(f"/v1/objects/{i}/fields/{field}", json.dumps(value)), 200, 201)

    def link(self, a, field, b):
        return self.put(a, field, {"$ref": b})

    def unlink(self, i, field):
        self.ok(self.c.delete(f"/v1/objects/{i}/fields/{field}"), 204)

    def drop(self, i, client=None):
        return self.ok((client or self.c).delete(f"/v1/objects/{i}"))

    def alive(self, i):
        return self.ok_or_gone(self.c.get(f"/v1/objects/{i}"))

    def ok_or_gone(self, answer):
        if answer.status != 200:
            self.problem(answer, 410, "collected")
        return answer.status == 200

    def dead_id(self):
        i = self.new()
        self.assertEqual(self.drop(i), {"alive": False})
        return i

    def root(self, name, i):
        self.ok(self.c.put(f"/v1/roots/{quote(name, safe='')}", {"$ref": i}), 200, 201, 204)

    def unroot(self, name):
        self.ok(self.c.delete(f"/v1/roots/{quote(name, safe='')}"), 200, 204)

    def pages(self, path, limit=None, client=None):
        """All items of a paged answer."""
        items, cursor, more = [], None, "&" if "?" in path else "?"
        for _ in range(10000):
            query = "&".join([f"limit={limit}"] * bool(limit) + [f"cursor={quote(str(cursor))}"] * (cursor is not None))
            page = self.ok((client or self.c).get(path + (more + query if query else "")))
            self.assertLessEqual(len(page["items"]), limit or 100)
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items
        self.fail(f"{path} has no end")

    def batch(self, *ops, query="", client=None):
        """Sends the ops, each a list or a line; answers all lines, the summary last."""
        lines = [op if isinstance(op, (str, bytes)) else json.dumps(op) for op in ops]
        body = b"".join((x if isinstance(x, bytes) else x.encode()) + b"\n" for x in lines)
        said = (client or self.c).post("/v1/batch" + query, body, {"Content-Type": "application/x-ndjson"})
        self.ok(said)
        self.assertEqual(said.headers["content-type"].split(";")[0], "application/x-ndjson")
        return [json.loads(line) for line in said.raw.splitlines()]

    def done(self, *ops, **more):
        """As batch, and every op must be done; answers their answers."""
        *said, summary = self.batch(*ops, **more)
        self.assertEqual(summary, {**summary, "done": len(ops), "failed": 0}, said[-1:])
        return said

    def collect(self, generation=2):
        return self.ok(self.c.post("/v1/gc/collect", {"generation": generation}))["collected"]

    def gc(self, **patch):
        return self.ok(self.c.patch("/v1/gc", patch) if patch else self.c.get("/v1/gc"))

    def heap(self):
        return self.ok(self.c.get("/v1/heap"))

    def metric(self, name, **labels):
        """One sample of /metrics, which must be there."""
        labels = "{" + ",".join(f'{k}="{v}"' for k, v in labels.items()) + "}" if labels else ""
        page = self.c.get("/metrics")
        self.assertEqual(page.status, 200, page.raw[:600])
        found = re.search(f"^{re.escape(name + labels)} (\\S+)$", page.raw.decode(), re.M)
        self.assertIsNotNone(found, f"no {name}{labels}")
        return float(found[1])


if __name__ == "__main__":
    unittest.main()

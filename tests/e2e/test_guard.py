"""
test_guard.py - every vector of http_vectors.py: its verdict, the same verdict however it is cut, and what Node and nginx
say to it.

Behind each vector stands one more request. If the vector is refused, nothing behind it may be read; if it is taken, the
next one begins where it ends. Cut vectors go through a Unix socket, all cuts of one at a time: the first parts to as many
connections, a few other requests so that heapd has read them, then the second parts.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import unittest
from collections import namedtuple
from pathlib import Path

from heapd_test import WAIT, HeapdTest, Wire, eventually
from http_vectors import OK, TABLE, VECTORS

BODY = b'"hello"'
TAIL = b"GET /v1/gc/log HTTP/1.1\r\nHost: @A\r\nConnection: close\r\n\r\n"
CUTS_MAX = 400                                  # of a longer vector, so many places spread over it
ECHO_JS = Path(__file__).with_name("echo.js")
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")

Said = namedtuple("Said", "status closes body")


def answers_of(raw):
    """All answers in the bytes of a connection that has ended; those of 1xx are not counted."""
    said = []
    while raw:
        head, blank, raw = raw.partition(b"\r\n\r\n")
        m = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
        assert m and blank, (head, raw)
        status, fields = int(m[1]), head.lower()
        body, raw = first_body(fields, raw)
        if status >= 200:
            said.append(Said(status, b"\r\nconnection: close" in fields, body))
    return said


def first_body(fields, raw):
    """The body that an answer with these fields has, and what stands behind it."""
    if b"\r\ntransfer-encoding: chunked" not in fields:
        length = re.search(rb"\r\ncontent-length: (\d+)", fields)
        n = int(length[1]) if length else 0
        assert len(raw) >= n, (fields, raw)
        return raw[:n], raw[n:]
    body, size = b"", 1
    while size:
        line, _, raw = raw.partition(b"\r\n")
        size = int(line, 16)
        assert raw[size:size + 2] == b"\r\n", raw
        body, raw = body + raw[:size], raw[size + 2:]
    return body, raw


def read_all(sock):
    parts = []
    try:
        while part := sock.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def send(sock, data):
    try:
        sock.sendall(data)
    except OSError:                             # refused before all of it was there
        pass


class Vectors(HeapdTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = f"{cls.folder.name}/heapd.sock"
        cls.options = ("--listen", f"unix:{cls.path}")
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.folder.cleanup()

    def setUp(self):
        self.target = self.new({"x": "before"})
        self.addCleanup(self.drop, self.target)

    def fill(self, data):
        address = f"{self.daemon.host}:{self.daemon.port}".encode()
        for mark, text in ((b"@T", b"/v1/objects/%d/fields/x" % self.target), (b"@H", b"Host: " + address), (b"@B", BODY), (b"@A", address)):
            data = data.replace(mark, text)
        return data

    def judge(self, vector, said):
        """Is this what must be said to the vector and its tail?"""
        if vector.verdict == OK or isinstance(vector.verdict, list):
            statuses = [200] if vector.verdict == OK else vector.verdict
            self.assertEqual([s.status for s in said], [*statuses, 200], (vector, said))
            self.assertFalse(said[0].closes, (vector, said))
            if vector.verdict == OK:
                self.assertEqual(said[0].body, BODY, vector)
            return
        verdicts = vector.verdict if isinstance(vector.verdict, tuple) else (vector.verdict,)
        self.assertEqual(len(said), 1, (vector, said))
        self.assertIn(said[0].status, verdicts, (vector, said))
        self.assertTrue(said[0].closes, (vector, said))
        if said[0].status < 400:
            return
        problem = json.loads(said[0].body)
        self.problem_document(problem, said[0].status)
        self.assertTrue(problem["detail"], vector)

    def test_every_vector_gets_its_verdict(self):
        for v in VECTORS:
            w = Wire(self.daemon)
            send(w.sock, self.fill(v.bytes + TAIL))
            self.judge(v, answers_of(read_all(w.sock)))
            w.close()
            self.assertEqual(self.doc(self.target)["fields"]["x"], "hello" if v.verdict == OK else "before", v)
            if v.verdict == OK:
                self.put(self.target, "x", "before")

    def test_what_is_refused_leaves_nothing_of_what_stands_behind_it(self):
        root = b'{"$ref":%d}' % self.target
        evil = b"PUT /v1/roots/behind HTTP/1.1\r\n@H\r\nContent-Length: %d\r\n\r\n%s" % (len(root), root)
        for v in VECTORS:
            if v.verdict != OK and not isinstance(v.verdict, list):
                w = Wire(self.daemon)
                send(w.sock, self.fill(v.bytes + evil * 3))
                self.assertEqual(len(answers_of(read_all(w.sock))), 1, v)
                w.close()
                self.assertEqual(self.ok(self.c.get("/v1/roots"))["items"], [], v)

    # -- cut

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(WAIT)
        s.connect(self.path)
        return s

    def settle(self):
        """When these are answered, heapd has taken what was sent before: connections first, then their bytes."""
        for _ in range(3):
            self.c.get("/livez")

    def cut_everywhere(self, data):
        """What is said to the data cut in two at each byte, by place; 0 is whole."""
        places = range(len(data)) if len(data) <= CUTS_MAX else sorted({len(data) * n // CUTS_MAX for n in range(CUTS_MAX)})
        socks = [self.connect() for _ in places]
        for s, at in zip(socks, places):
            send(s, data[:at])
        self.settle()
        said = {}
        for s, at in zip(socks, places):
            send(s, data[at:])
            said[at] = answers_of(read_all(s))
            s.close()
        return said

    def in_single_bytes(self, data):
        s = self.connect()
        for n in range(len(data)):
            send(s, data[n:n + 1])
            if n % 8 == 0:
                self.c.get("/livez")
        said = answers_of(read_all(s))
        s.close()
        return said

    def test_cut_anywhere_a_vector_gets_the_answer_it_gets_whole(self):
        cuts = 0
        for v in VECTORS:
            said = self.cut_everywhere(self.fill(v.bytes + TAIL.replace(b"/v1/gc/log", b"/livez")))
            cuts += len(said)
            for at, answers in said.items():
                self.assertEqual(answers, said[0], (v, at))
        self.assertGreater(cuts, 40000)

    def test_byte_by_byte_too(self):
        for n, v in enumerate(VECTORS):
            data = self.fill(v.bytes + TAIL.replace(b"/v1/gc/log", b"/livez"))
            if n % 7 == 0 and len(data) <= CUTS_MAX:
                self.assertEqual(self.in_single_bytes(data), self.cut_everywhere(data)[0], v)


class Peer:
    """What heapd takes, another server reads the same way, as far as it answers: where requests begin, and what their
    bodies are. It says what it has understood: "METHOD TARGET BODY"."""

    def setUp(self):
        self.target = self.new({"x": "before"})
        self.addCleanup(self.drop, self.target)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = f"{folder.name}/peer"
        self.peer = subprocess.Popen(self.command(folder.name), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.peer.wait, WAIT)
        self.addCleanup(self.peer.kill)
        self.assertTrue(eventually(self.listens))

    def listens(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.path) == 0

    def exchange(self, family, address, data):
        name = f"{self.daemon.host}:{self.daemon.port}".encode()
        for mark, text in ((b"@T", b"/v1/objects/%d/fields/x" % self.target), (b"@H", b"Host: " + name), (b"@B", BODY), (b"@A", name)):
            data = data.replace(mark, text)
        with socket.socket(family) as s:
            s.settimeout(WAIT)
            s.connect(address)
            send(s, data)
            return answers_of(read_all(s))

    def test_what_heapd_takes_it_reads_the_same_way(self):
        answered = 0
        for v in VECTORS:
            if v.verdict != OK and not isinstance(v.verdict, list):
                continue
            ours = self.exchange(socket.AF_INET, (self.daemon.host, self.daemon.port), v.bytes + TAIL)
            theirs = self.exchange(socket.AF_UNIX, self.path, v.bytes + TAIL)
            if theirs[-1].status == 400:        # it is stricter, or another version
                continue
            answered += 1
            self.assertEqual(len(ours), len(theirs), (v, ours, theirs))
            self.assertEqual(theirs[-1].body, b"GET /v1/gc/log ", v)
            if v.verdict == OK:
                self.assertEqual(theirs[0].body, b"PUT /v1/objects/%d/fields/x " % self.target + BODY, v)
        self.assertGreater(answered, len([v for v in VECTORS if v.verdict == OK]))


@unittest.skipUnless(shutil.which("node"), "Node is not installed")
class Node(Peer, HeapdTest):
    def command(self, folder):
        return ["node", ECHO_JS, self.path]


@unittest.skipUnless(NGINX, "nginx is not installed")
class Nginx(Peer, HeapdTest):
    def command(self, folder):
        places = "".join(f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (Path(folder) / "nginx.conf").write_text(
            "load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;\n"
            f"daemon off; master_process off; pid {folder}/pid; events {{ }}\n"
            f"http {{ access_log off; {places} client_body_buffer_size 64k; server {{ listen unix:{self.path};\n"
            '  location / { echo_read_request_body; echo -n "$request_method $request_uri $request_body"; } } }\n')
        return [NGINX, "-p", folder, "-e", f"{folder}/log", "-c", f"{folder}/nginx.conf"]


if __name__ == "__main__":
    unittest.main()

"""
test_doors.py - who comes in, and how far: tokens and their scopes, names, addresses, sockets that somebody else opened.

The scopes are written down here once more, from the contract and not from heapd's table: a route that appears in
/openapi.json and not here is a failure.
"""
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from contextlib import suppress
from http.client import IncompleteRead
from pathlib import Path

from heapd_test import WAIT, BatchStream, Client, Daemon, HeapdTest, Wire, command, eventually

READ, WRITE, ADMIN = "reader-0123456789abcdef", "writer-0123456789abcdef", "admin-0123456789abcdef"
PEOPLE = f"# who may do what\n\nann read {READ}\nbob\twrite\t{WRITE}\neve admin {ADMIN}\n"

SCOPES = {
    "open": "GET /livez, GET /readyz",
    "read": "GET /, GET /metrics, GET /openapi.json, GET /problems/{name}, GET /v1/config, GET /v1/events, GET /v1/gc, "
            "GET /v1/gc/garbage, GET /v1/gc/log, GET /v1/heap, GET /v1/heap/classes, GET /v1/heap/pools, GET /v1/heap/sites, "
            "GET /v1/heap/suspects, GET /v1/objects, GET /v1/objects/{id}, "
            "GET /v1/objects/{id}/bytes, GET /v1/objects/{id}/fields, GET /v1/objects/{id}/fields/{name}, "
            "GET /v1/objects/{id}/items, GET /v1/objects/{id}/items/{index}, GET /v1/objects/{id}/referents, "
            "GET /v1/objects/{id}/referrers, GET /v1/objects/{id}/retained, GET /v1/objects/{id}/why, GET /v1/roots, "
            "GET /v1/roots/{name}, GET /v1/sessions, "
            "GET /v1/sessions/{session}, GET /v1/sessions/{session}/holds, GET /v1/snapshots, GET /v1/snapshots/{n}, "
            "GET /v1/snapshots/{n}/diff/{b}, GET /v1/snapshots/{n}/dominators, GET /v1/snapshots/{n}/suspects, GET /v1/weak, "
            "GET /v1/weak/{name}",
    "write": "DELETE /v1/gc/garbage, DELETE /v1/objects/{id}, DELETE /v1/objects/{id}/fields/{name}, "
             "DELETE /v1/objects/{id}/hold, DELETE /v1/objects/{id}/items/{index}, DELETE /v1/roots/{name}, "
             "DELETE /v1/sessions/{session}, DELETE /v1/snapshots/{n}, DELETE /v1/weak/{name}, PATCH /v1/objects/{id}, POST /v1/batch, "
             "POST /v1/gc/collect, POST /v1/heap/purge, POST /v1/heap/reset_peak, POST /v1/heap/validate, POST /v1/objects, "
             "POST /v1/objects/{id}/items, POST /v1/sessions, POST /v1/snapshots, PUT /v1/objects/{id}/bytes, "
             "PUT /v1/objects/{id}/fields/{name}, PUT /v1/objects/{id}/hold, PUT /v1/objects/{id}/items/{index}, "
             "PUT /v1/roots/{name}, PUT /v1/sessions/{session}, PUT /v1/weak/{name}",
    "admin": "DELETE /v1/gc/freeze, GET /v1/backup, PATCH /v1/config, PATCH /v1/gc, PUT /v1/gc/freeze",
}
RANKS = ["open", "read", "write", "admin"]
SCOPE_OF = {route: scope for scope, routes in SCOPES.items() for route in routes.split(", ")}
TOKENS = {None: "open", "nobody-0123456789abcdef": "open", READ: "read", WRITE: "write", ADMIN: "admin"}


class Files(unittest.TestCase):
    """Something to write token files into."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.tokens = self.write_tokens(PEOPLE)
        super().setUp()

    def write_tokens(self, text):
        path = self.folder / "tokens"
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def daemon_with(self, *options):
        daemon = Daemon(*options)
        self.addCleanup(self.stop, daemon)
        return daemon

    def stop(self, daemon):
        daemon.terminate()
        self.assertEqual(daemon.finish(), 0, daemon.last_words)


def bearer(token):
    return {"Authorization": f"Bearer {token}"} if token else {}


class TokenTest(Files, HeapdTest):
    """A heapd with tokens, and its admin."""
    fresh = True

    def begin(self):
        self.options = ("--token-file", self.tokens)
        super().begin()
        self.c.close()
        self.c = Client(self.daemon, **bearer(ADMIN))

    def end(self):
        self.c.close()
        self.daemon.terminate()
        self.assertEqual(self.daemon.finish(), 0, self.daemon.last_words)


class Tokens(TokenTest):
    def status(self, method, path, token, body=None, **headers):
        c = self.client()
        said = c.request(method, path, body, {**bearer(token), **headers})
        c.close()
        return said

    def routes(self):
        paths = self.ok(self.c.get("/openapi.json"))["paths"]
        return [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]

    def test_every_route_is_known_here(self):
        self.assertEqual(sorted(self.routes()), sorted(SCOPE_OF))

    def test_every_route_with_a_missing_a_wrong_and_too_weak_a_token(self):
        for route in self.routes():
            method, path = route.split()
            for token, scope in TOKENS.items():
                said = self.status(method, path + "?types=none" * (path == "/v1/events"), token)   # it would not end
                enough = RANKS.index(scope) >= RANKS.index(SCOPE_OF[route])
                if path != "/v1/backup":                        # which needs --data, too
                    self.assertNotIn(said.status, (500, 501), (route, token))
                if enough:
                    self.assertNotIn(said.status, (401, 403), (route, token))
                elif scope == "open":
                    self.problem(said, 401, "unauthorized")
                    self.assertEqual(said.headers["www-authenticate"].split()[0], "Bearer", route)
                else:
                    self.problem(said, 403, "forbidden")

    def test_head_and_options_need_what_get_needs(self):
        for method in ("HEAD", "OPTIONS"):
            self.assertEqual(self.status(method, "/v1/gc", None).status, 401)
            self.assertIn(self.status(method, "/v1/gc", READ).status, (200, 204))
            self.assertEqual(self.status(method, "/nonsense", None).status, 401)
        self.assertEqual(self.status("HEAD", "/livez", None).status, 200)

    def test_what_is_no_token_of_ours_opens_nothing(self):
        for value in ("", "Bearer", "Bearer ", READ, f"Basic {READ}", f"Bearer {READ}x", f"Bearer {READ[:-1]}", f"Bearer {READ} x",
                      f"Bearer \"{READ}\"", f"Bearer {READ.upper()}", "Bearer ann", f"Bearer ann read {READ}", "Bearer #",
                      "Bearer " + "x" * 5000, f"Bearer {READ},{WRITE}"):
            self.problem(self.c.get("/v1/gc", {"Authorization": value}), 401, "unauthorized")
        self.assertEqual(self.c.get("/v1/gc", {"Authorization": f"bEaReR   {READ}\t"}).status, 200)

    def test_two_tokens_are_no_request(self):
        w = self.wire()
        w.ask("GET", "/v1/gc", b"", f"Authorization: Bearer {READ}", f"Authorization: Bearer {ADMIN}")
        self.problem(w.answer(), 400)
        self.assertTrue(w.at_end())

    def test_who_is_refused_changes_nothing(self):
        i = self.new()
        body = '["root","evil",%d]\n["new","N",{}]\n' % i
        for token in (None, READ):
            self.assertIn(self.status("POST", "/v1/batch", token, body).status, (401, 403))
            self.assertIn(self.status("PUT", "/v1/roots/evil", token, {"$ref": i}).status, (401, 403))
            self.assertIn(self.status("PATCH", "/v1/gc", token, {"enabled": False}).status, (401, 403))
        self.assertEqual(self.status("PATCH", "/v1/config", WRITE, {"pipeline_max": 1}).status, 403)
        self.assertEqual(self.ok(self.c.get("/v1/roots"))["items"], [])
        self.assertEqual(self.heap()["objects"], 1)
        self.assertTrue(self.gc()["enabled"])
        self.validate_clean()

    def test_an_upload_without_a_token_is_refused_before_it_begins(self):
        w = self.wire()
        w.send(f"POST /v1/batch HTTP/1.1\r\nHost: {self.daemon.host}:{self.daemon.port}\r\nTransfer-Encoding: chunked\r\n"
               "Expect: 100-continue\r\n\r\n")
        self.problem(w.answer(), 401)
        self.assertTrue(w.at_end())

    def test_a_session_belongs_to_who_is_in_it(self):
        doc = self.ok(self.status("POST", "/v1/sessions", WRITE, {"ttl": 60, "label": "bob"}), 201)
        path, mine = f"/v1/sessions/{doc['id']}", {"Heapd-Session": doc["token"]}
        self.problem(self.status("PUT", path, WRITE), 403, "forbidden")
        self.problem(self.status("DELETE", path, WRITE), 403, "forbidden")
        self.problem(self.status("DELETE", path, READ, **mine), 403, "forbidden")
        self.assertEqual(self.status("GET", path, READ).status, 200)
        self.assertEqual(self.status("PUT", path, WRITE, **mine).status, 200)
        self.assertEqual(self.status("PUT", "/v1/sessions/self", WRITE, **mine).status, 200)
        self.assertEqual(self.status("PUT", path, ADMIN).status, 200)
        self.assertEqual(self.status("DELETE", path, WRITE, **mine).status, 200)

    def reload(self, text, *, taken):
        """Writes the file, sends SIGHUP, and waits until the log says what came of it."""
        self.write_tokens(text)
        before = self.log_size()
        self.daemon.process.send_signal(signal.SIGHUP)
        word = b"tokens-read" if taken else b"stay as they were"
        self.assertTrue(eventually(lambda: word in self.log_from(before)), self.log_from(before))
        return self.log_from(before).decode()

    def log_size(self):
        return os.fstat(self.daemon.log.fileno()).st_size

    def log_from(self, at):
        return os.pread(self.daemon.log.fileno(), 65536, at)

    def test_sighup_takes_the_file_anew_at_once_and_whole(self):
        w = self.wire()                                             # a connection outlives its token
        w.ask("GET", "/v1/gc", b"", f"Authorization: Bearer {READ}")
        self.assertEqual(w.answer().status, 200)
        self.reload(f"eve admin {ADMIN}\nnew read brand-new-0123456789\n", taken=True)
        w.ask("GET", "/v1/gc", b"", f"Authorization: Bearer {READ}")
        self.assertEqual(w.answer().status, 401)
        self.assertEqual(self.status("GET", "/v1/gc", "brand-new-0123456789").status, 200)
        self.reload(f"bob read {WRITE}\neve admin {ADMIN}\n", taken=True)
        self.assertEqual(self.status("POST", "/v1/gc/collect", WRITE).status, 403)

    def stream_of(self, token):
        w = BatchStream(self.daemon, f"Authorization: Bearer {token}")
        self.addCleanup(w.close)
        return w

    def test_a_batch_ends_where_its_token_is_taken_back_and_what_was_read_stays_done(self):
        self.reload(PEOPLE + f"b2 write {WRITE}2\nb3 write {WRITE}3\n", taken=True)
        kept = self.new()
        gone, weaker, stronger, same, silent = (self.stream_of(t) for t in (WRITE, WRITE + "2", WRITE + "3", ADMIN, WRITE))
        for n, w in enumerate((gone, weaker, stronger, same)):
            self.assertEqual(w.op("set", kept, f"before{n}", 1), {})
        self.reload(f"eve admin {ADMIN}\nb2 read {WRITE}2\nbetter admin {WRITE}3\n", taken=True)
        for w in (gone, weaker):
            with suppress(OSError):                                 # it may be closed already
                w.chunk(b'["set",%d,"evil",1]\n' % kept)
        for w in (gone, weaker):                                    # in the middle of their answers
            self.assertRaises((IncompleteRead, ConnectionResetError), w.reply.read)
        self.problem(silent.answer("POST"), 401, "unauthorized")
        for n, w in enumerate((stronger, same)):
            self.assertEqual(w.op("set", kept, f"after{n}", 1), {})
            self.assertEqual(w.end()["failed"], 0)
        self.assertEqual(sorted(self.doc(kept)["fields"]), ["after0", "after1", "before0", "before1", "before2", "before3"])

    def test_a_bad_file_keeps_the_tokens_and_the_log_says_why_and_never_a_token(self):
        for bad, line in (("", ""), ("# nobody\n", ""), (f"new admin s3cret\nann read\n", ":2:"), (f"ann all s3cret\n", ":1:"),
                          (f"a read s3cret\nb admin s3cret\n", ":2:"), ("\0" * 100, ":1:")):
            said = self.reload(bad, taken=False)
            self.assertIn("tokens" + line, said)
            self.assertNotIn("s3cret", said)
            for token, scope in TOKENS.items():
                self.assertEqual(self.status("GET", "/v1/gc", token).status, 401 if scope == "open" else 200)
            self.assertEqual(self.status("GET", "/v1/gc", "s3cret").status, 401)
        os.unlink(self.tokens)
        os.mkfifo(self.tokens)                                      # nobody writes to it: it must not be waited for
        self.daemon.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.status("GET", "/v1/gc", READ).status, 200)

    def test_the_log_warns_of_a_file_that_everybody_reads_and_of_short_tokens(self):
        os.chmod(self.tokens, 0o644)
        self.daemon.process.send_signal(signal.SIGHUP)
        self.assertTrue(eventually(lambda: b"chmod 0600" in self.log_from(0)))
        os.chmod(self.tokens, 0o600)
        self.assertIn("might be guessed", self.reload(f"eve admin {ADMIN}\nx read abc\n", taken=True))

    def test_heapctl_shows_its_token(self):
        env = {**os.environ, "HEAPD_URL": f"http://{self.daemon.host}:{self.daemon.port}"}
        heapctl = [os.environ["HEAPCTL_BIN"]]
        for token, verb, status in (("", ["gc"], 1), ("wrong", ["gc"], 1), (READ, ["gc"], 0), (READ, ["collect"], 1),
                                    (WRITE, ["collect"], 0), (WRITE, ["batch"], 0)):
            done = subprocess.run([*heapctl, *verb], env={**env, "HEAPD_TOKEN": token}, input=b"", capture_output=True, timeout=WAIT)
            self.assertEqual(done.returncode, status, (token, verb, done))
            if status:
                self.assertIn(b"token", done.stderr)


class Start(Files):
    """What heapd refuses to start with: status 1, a sentence, and nothing listens."""

    def refused(self, *options, env=None, fds=()):
        done = subprocess.run([*command(), *options], capture_output=True, timeout=WAIT, env=env, pass_fds=fds)
        self.assertEqual((done.returncode, done.stdout), (1, b""), done)
        self.assertTrue(done.stderr.startswith(b"heapd: "), done.stderr)
        return done.stderr.decode()

    def test_beyond_loopback_only_with_tokens_and_knowingly_in_the_clear(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0", "[::ffff:0.0.0.0]:0", "10.0.0.1:4327"):
            self.assertIn("--token-file", self.refused("--listen", address))
            self.assertIn("--token-file", self.refused("--listen", "127.0.0.1:0", "--listen", address, "--plaintext"))
            self.assertIn("--plaintext", self.refused("--listen", address, "--token-file", self.tokens))

    def test_each_limit_of_the_command_line_and_of_its_files(self):
        sock = "unix:" + str(self.folder) + "/" + "s" * (107 - len(str(self.folder)) - 1)
        listens = [x for n in range(15) for x in ("--listen", f"127.0.0.{n + 2}:0")]
        names = [x for n in range(16) for x in ("--allow-host", f"h{n}." + "x" * (261 - len(f"h{n}.")))]
        config = self.folder / "config"
        config.write_text("pipeline_max = 7" + " " * (4096 - len("pipeline_max = 7")) + "\n")
        daemon = self.daemon_with(*listens[2:], "--listen", sock, *names, "--config", str(config))
        self.assertEqual(Client(daemon).get("/v1/config", {"Host": names[-1]}).json["pipeline_max"], 7)
        config.write_text(config.read_text().replace("\n", " \n"))
        for options in (("--listen", sock + "s"), ("--listen", "127.0.0.1:0", *listens, "--listen", "127.0.0.1:0"),
                        (*names, "--allow-host", "one.more"), ("--allow-host", names[1] + "x"), ("--allow-host", ""), ("--config", str(config))):
            done = subprocess.run([*command(), *options], capture_output=True, timeout=WAIT)
            self.assertIn((done.returncode, done.stdout), ((1, b""), (2, b"")), done)

    def test_at_all_addresses_every_address_of_ours_is_a_name_and_no_other_is(self):
        daemon = self.daemon_with("--listen", "0.0.0.0:0", "--plaintext", "--token-file", self.tokens)
        port = self.second_port(daemon)
        for host, status in ((f"127.0.0.1:{port}", 401), (f"localhost:{port}", 401), (f"192.0.2.7:{port}", 401), (f"192.0.2.7:{port + 1}", 403),
                             ("192.0.2.7", 403), (f"evil.example:{port}", 403), (f"1.2.3.4.evil.example:{port}", 403)):
            with socket.create_connection(("127.0.0.1", port), WAIT) as s:
                s.sendall(f"GET /v1/gc HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                self.assertEqual(int(s.recv(4096).split()[1]), status, host)

    def test_at_all_addresses_a_page_of_another_machine_is_foreign(self):
        daemon = self.daemon_with("--listen", "0.0.0.0:0", "--plaintext", "--token-file", self.tokens, "--allow-host", "heap.example")
        port = self.second_port(daemon)
        for host, origin, status in ((f"127.0.0.1:{port}", f"http://127.0.0.1:{port}", 200), (f"127.0.0.1:{port}", f"http://203.0.113.9:{port}", 403),
                                     (f"192.0.2.7:{port}", f"http://localhost:{port}", 403), ("heap.example", "https://heap.example", 200),
                                     ("heap.example:1", "http://heap.example:1", 200), ("heap.example", "http://heap.example:8000", 403)):
            with socket.create_connection(("127.0.0.1", port), WAIT) as s:
                s.sendall(f"GET /v1/gc HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nAuthorization: Bearer {READ}\r\nConnection: close\r\n\r\n".encode())
                self.assertEqual(int(s.recv(4096).split()[1]), status, (host, origin))

    def second_port(self, daemon):
        line = daemon.lines.get(timeout=WAIT)
        self.assertRegex(line, r"^heapd ready http://0\.0\.0\.0:\d+\n$")
        return int(line.rsplit(":", 1)[1])

    def test_a_token_file_that_is_no_good_is_refused(self):
        for text in ("", "ann read\n", "ann everything secret\n"):
            self.assertIn("tokens", self.refused("--listen", "127.0.0.1:0", "--token-file", self.write_tokens(text)))
        self.refused("--listen", "127.0.0.1:0", "--token-file", str(self.folder / "nowhere"))
        self.refused("--listen", "127.0.0.1:0", "--token-file", str(self.folder))

    def test_sighup_without_a_token_file_is_no_end(self):
        daemon = self.daemon_with()
        daemon.process.send_signal(signal.SIGHUP)
        time.sleep(0.05)
        self.assertEqual(Client(daemon).get("/livez").status, 200)

    def test_several_listeners_serve_one_heap(self):
        path = str(self.folder / "sock")
        daemon = self.daemon_with("--listen", f"unix:{path}", "--listen", "[::1]:0", "--listen", "127.0.0.2:0")
        lines = [daemon.lines.get(timeout=WAIT) for _ in range(3)]
        ports = [int(line.rsplit(":", 1)[1]) for line in lines[1:]]
        wires = [Wire(daemon, socket.AF_UNIX, path), Wire(daemon, socket.AF_INET6, ("::1", ports[0])),
                 Wire(daemon, socket.AF_INET, ("127.0.0.2", ports[1]))]
        for w, host in zip(wires, ("anything", f"[::1]:{ports[0]}", f"127.0.0.2:{ports[1]}")):
            w.send(f"GET /v1/sessions HTTP/1.1\r\nHost: {host}\r\n\r\n")
            self.assertEqual(w.answer().status, 200, host)
            w.close()
        one, other = Wire(daemon, socket.AF_UNIX, path), Client(daemon)
        one.send("PUT /v1/config HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(one.answer().status, 405)
        one.send("POST /v1/objects?root=shared HTTP/1.1\r\nHost: x\r\nContent-Length: 24\r\n\r\n{\"class\":\"N\",\"root\":\"r\"} ")
        i = one.answer().json["id"]
        self.assertEqual(other.get("/v1/roots/r").json, {"$ref": i})
        one.close(), other.close()


class UnixSockets(Files):
    def test_what_is_no_socket_is_nobody_s_leftover(self):
        path = self.folder / "precious"
        path.write_text("do not lose me")
        link = self.folder / "link"
        link.symlink_to(path)
        for name in (path, link, self.folder):
            self.assertRaises(AssertionError, Daemon, "--listen", f"unix:{name}")
        self.assertEqual(path.read_text(), "do not lose me")

    def test_a_listener_too_busy_to_answer_is_not_stale(self):
        path = str(self.folder / "busy")
        crowd = []
        with socket.socket(socket.AF_UNIX) as busy:
            busy.bind(path)
            busy.listen(0)
            for _ in range(4):                                      # more than it will queue
                s = socket.socket(socket.AF_UNIX)
                s.setblocking(False)
                crowd.append(s)
                s.connect_ex(path)
            self.assertRaises(AssertionError, Daemon, "--listen", f"unix:{path}")
            self.assertTrue(os.path.exists(path))
        for s in crowd:
            s.close()


class Activation(Files):
    """Sockets from systemd: LISTEN_FDS of them from descriptor 3 on, for the process LISTEN_PID."""

    def start(self, sockets, *options, pid="$$"):
        """heapd with these sockets as 3, 4, ...: only its shell knows its process id beforehand."""
        fds = [s.fileno() for s in sockets]
        moves = " ".join(f"{3 + n}<&{fd}" for n, fd in enumerate(fds))
        shell = f'export LISTEN_PID={pid} LISTEN_FDS={len(fds)} LISTEN_FDNAMES=x; exec "$@" {moves}'
        log = tempfile.TemporaryFile()
        self.addCleanup(log.close)
        p = subprocess.Popen(["bash", "-c", shell, "sh", *command(), *options], pass_fds=fds, stdout=subprocess.PIPE, stderr=log, text=True)
        self.addCleanup(self.end, p)
        p.log = log
        return p

    def end(self, p):
        p.send_signal(signal.SIGTERM)
        p.wait(WAIT)
        p.stdout.close()

    def listening(self, family, address):
        s = socket.socket(family)
        self.addCleanup(s.close)
        s.bind(address)
        s.listen(16)
        return s

    def ask(self, family, address, host):
        with socket.socket(family) as s:
            s.settimeout(WAIT)
            s.connect(address)
            s.sendall(f"GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return int(s.recv(4096).split()[1])

    def test_sockets_that_are_handed_over_are_served_instead_of_the_default(self):
        tcp = self.listening(socket.AF_INET, ("127.0.0.1", 0))
        path = str(self.folder / "handed")
        unix = self.listening(socket.AF_UNIX, path)
        p = self.start([tcp, unix])
        port = tcp.getsockname()[1]
        self.assertEqual([p.stdout.readline() for _ in range(2)],
                         [f"heapd ready http://127.0.0.1:{port}\n", f"heapd ready http+unix:{path}\n"])
        self.assertEqual(self.ask(socket.AF_INET, ("127.0.0.1", port), f"127.0.0.1:{port}"), 200)
        self.assertEqual(self.ask(socket.AF_INET, ("127.0.0.1", port), "evil.example"), 403)
        self.assertEqual(self.ask(socket.AF_UNIX, path, "x"), 200)
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(WAIT), 0)
        self.assertEqual(p.stdout.read(), "")                       # nor did it listen anywhere else
        self.assertTrue(os.path.exists(path))                       # it is not ours to remove

    def test_sockets_for_another_process_are_not_ours(self):
        tcp = self.listening(socket.AF_INET, ("127.0.0.1", 0))
        p = self.start([tcp], "--listen", "127.0.0.1:0", pid="1")
        self.assertNotIn(f":{tcp.getsockname()[1]}\n", p.stdout.readline())

    def test_what_cannot_be_listened_at_is_refused(self):
        many = [self.listening(socket.AF_UNIX, str(self.folder / f"s{n}")) for n in range(17)]
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent = socket.socket(socket.AF_INET)
        everywhere = self.listening(socket.AF_INET, ("0.0.0.0", 0))
        with datagrams, silent:
            for s, word in ((datagrams, b"descriptor 3"), (silent, b"descriptor 3"), (everywhere, b"--token-file")):
                p = self.start([s])
                self.assertEqual(p.wait(WAIT), 1)
                p.log.seek(0)
                self.assertIn(word, p.log.read())
        p = self.start(many)
        self.assertEqual(p.wait(WAIT), 1)
        p.log.seek(0)
        self.assertIn(b"more than 16 sockets", p.log.read())


if __name__ == "__main__":
    unittest.main()

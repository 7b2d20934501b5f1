"""
test_events.py - what happens, told as it happens: order, replay after a cut, gaps, many listeners and slow ones, and that
nobody is told what a crash takes back.
"""
import json
import os
import selectors
import signal
import socket
import subprocess
import threading
import time
import unittest
from contextlib import suppress

import test_doors
import test_store_faults
from heapd_test import STRESSED, WAIT, Client, Daemon, HeapdTest, Wire, eventually, request
from store_test import StoreTest
from test_doors import ADMIN, READ, WRITE

LINES = "Accept: application/x-ndjson"


class Listener(Wire):
    """Somebody who listens, to lines of JSON."""

    def __init__(self, daemon, query="", *lines, form=LINES):
        super().__init__(daemon)
        self.ask("GET", f"/v1/events{query}", b"", form, *lines)
        self.reply = self.response()
        self.first = self.next_line() if form == LINES and self.reply.status == 200 else None

    def next_line(self):
        """The next line of whatever kind, None at the end."""
        line = self.reply.readline()
        return json.loads(line) if line else None

    def next(self):
        """The next that is no ping; None at the end."""
        while (event := self.next_line()) and event["type"] == "ping":
            pass
        return event

    def until(self, claim):
        """What comes up to the first of which `claim` is true."""
        heard = []
        while (event := self.next()) is not None:
            heard.append(event)
            if claim(event):
                return heard
        raise AssertionError(f"the stream ended after {heard}")


def frames(text):
    """Server-sent events: (event, id, data) of each, as a browser would read them."""
    for frame in text.split("\n\n")[:-1]:
        members = {}
        for line in frame.split("\n"):
            name, _, value = line.partition(":")
            members.setdefault(name, []).append(value.removeprefix(" "))
        yield members


class EventsTest(HeapdTest):
    def listen(self, query="", *lines, **more):
        listener = Listener(self.daemon, query, *lines, **more)
        self.addCleanup(listener.close)
        return listener

    def self_loop(self, *names):
        """An object that only it keeps, once it is dropped; with weak names."""
        i = self.new()
        self.link(i, "me", i)
        for name in names:
            self.ok(self.c.put(f"/v1/weak/{name}", {"$ref": i}), 200, 201)
        self.drop(i)
        return i

    def set(self, **settings):
        self.ok(self.c.patch("/v1/config", settings))


class Events(EventsTest):
    fresh = True

    # -- the form

    def test_server_sent_events(self):
        w = self.wire()
        w.ask("GET", "/v1/events", b"", "Accept: text/event-stream")
        reply = w.response()
        self.assertEqual((reply.status, reply.getheader("content-type"), reply.getheader("cache-control")),
                         (200, "text/event-stream", "no-store"))
        self.set(pipeline_max=7)
        text = ""
        while "event: config" not in text or not text.endswith("\n\n"):
            text += reply.readline().decode()
        greeting, event = frames(text)
        self.assertEqual(greeting["retry"], ["2000"])
        self.assertEqual(event["event"], ["config"])
        self.assertEqual(int(event["id"][0]), int(greeting["id"][0]) + 1)
        data = json.loads(event["data"][0])
        self.assertEqual((data["id"], data["type"], data["changed"]),
                         (int(event["id"][0]), "config", {"pipeline_max": {"from": 64, "to": 7}}))

    def test_head_says_that_it_would_stream_and_ends(self):
        said = self.c.head("/v1/events")
        self.assertEqual((said.status, said.headers["content-type"], said.raw), (200, "text/event-stream", b""))
        self.ok(self.c.get("/v1/gc"))                           # on the same connection

    def test_a_type_that_is_none_is_refused_by_name(self):
        for types in ("nonsense", "", "gc;death", "GC", "gc,nonsense", "%00"):
            detail = self.problem(self.c.get(f"/v1/events?types={types}"), 422, "bad-value")["detail"]
            for name in ("gc", "death", "lease", "config", "alert"):
                self.assertIn(name, detail)
        self.problem(self.c.post("/v1/events", {}), 405)
        self.problem(self.c.get("/v1/events", {"Accept": "image/png"}), 406)

    def test_http_1_0_hears_until_the_end(self):
        w = self.wire()
        w.send(f"GET /v1/events?types=config HTTP/1.0\r\nHost: {self.daemon.host}:{self.daemon.port}\r\n{LINES}\r\n\r\n")
        reply = w.response()
        self.set(pipeline_max=7)
        self.assertEqual(json.loads(reply.readline())["type"], "ping")
        self.assertEqual(json.loads(reply.readline())["type"], "config")

    def test_whoever_sends_no_more_hears_no_more(self):
        listener = self.listen("?types=gc")
        listener.sock.shutdown(socket.SHUT_WR)
        self.assertIsNone(listener.next())
        self.assertTrue(listener.at_end())

    # -- what is told

    def test_case_32_a_collection_as_python_calls_back(self):
        listener = self.listen("?types=gc")
        self.self_loop()
        self.assertEqual(self.collect(2), 1)
        self.collect(0)
        heard = listener.until(lambda e: e["phase"] == "stop" and e["generation"] == 0)
        if not STRESSED:
            self.assertEqual([(e["phase"], e["generation"], e["collected"], e["uncollectable"]) for e in heard],
                             [("start", 2, 0, 0), ("stop", 2, 1, 0), ("start", 0, 0, 0), ("stop", 0, 0, 0)])
            self.assertEqual([e["run"] for e in heard], [1, 1, 2, 2])
        log = self.ok(self.c.get("/v1/gc/log"))["items"][-1]
        stop = next(e for e in heard if e["phase"] == "stop")
        same = ("generation", "collected", "candidates", "duration_us", "slices", "max_slice_us", "reason", "freed_bytes")
        self.assertEqual({k: stop[k] for k in same}, {k: log[k] for k in same})

    def test_case_39_a_collection_from_within_an_event_finds_nothing_new(self):
        listener = self.listen("?types=gc")
        self.self_loop()
        outer = self.client()
        said = []
        thread = threading.Thread(target=lambda: said.append(outer.post("/v1/gc/collect").json["collected"]))
        thread.start()
        listener.until(lambda e: e["phase"] == "start")
        self.assertEqual(self.collect(), 0)
        thread.join(WAIT)
        self.assertEqual(said, [1])

    def test_all_of_a_dead_cycle_reads_dead_before_the_first_is_told(self):
        names = [f"w{n}" for n in range(50)]
        for _ in range(5):
            listener = self.listen("?types=death")
            ring = self.done(*(["new", "R", {}] for _ in names), *(["set", f"@{n}", "next", {"$ref": f"@{(n + 1) % 50}"}] for n in range(50)),
                             *(["weak", name, f"@{n}"] for n, name in enumerate(names)))
            ids = {name: said["id"] for name, said in zip(names, ring)}
            collector = self.client()
            thread = threading.Thread(target=collector.post, args=("/v1/gc/collect",))
            thread.start()
            first = listener.next()
            self.assertEqual([self.ok(self.c.get(f"/v1/weak/{name}")) for name in names], [None] * 50)
            heard = [first, *(listener.next() for _ in names[1:])]
            self.assertEqual({e["name"]: e["object"] for e in heard}, ids)
            thread.join(WAIT)
            listener.close()

    def test_the_names_of_one_object_newest_first(self):
        """Python's weakref.finalize: f1 to f5, f5 is detached."""
        listener = self.listen("?types=death")
        i = self.new()
        for n in range(1, 6):
            self.ok(self.c.put(f"/v1/weak/f{n}", {"$ref": i}), 200, 201)
        self.ok(self.c.delete("/v1/weak/f5"))
        self.drop(i)
        self.assertEqual([listener.next()["name"] for _ in range(4)], ["f4", "f3", "f2", "f1"])

    def test_a_session_and_what_went_with_it(self):
        listener = self.listen("?types=lease")
        doc, c = self.session(ttl=1, label="worker \"7\"\n")
        held = self.new({"a": {"b": [1, {"c": 2}]}}, client=c)
        shared = self.new({"d": {}}, kind="Shared", client=c)
        self.root("shared", shared)
        heard = listener.until(lambda e: e["what"] == "released")
        self.assertEqual([(e["what"], e["session"], e["label"]) for e in heard],
                         [(what, doc["id"], "worker \"7\"\n") for what in ("created", "expired", "released")])
        self.assertEqual(heard[0]["ttl"], 1)
        self.assertEqual(heard[1]["holds"], 2)
        self.assertEqual(heard[1]["held"], [{"id": held, "class": "Node"}, {"id": shared, "class": "Shared"}])
        self.assertEqual((heard[2]["holds"], heard[2]["objects"], heard[2]["whole"]), (2, 4, True))
        self.assertGreater(heard[2]["bytes"], 4 * 8)
        doc, c = self.session()
        for _ in range(15):
            self.new(client=c)
        self.ok(c.delete("/v1/sessions/self"))
        ended = listener.until(lambda e: e["what"] == "ended")[-1]
        self.assertEqual((ended["session"], ended["holds"], len(ended["held"]), ended["more"]), (doc["id"], 15, 10, True))
        self.new()
        self.ok(self.c.delete("/v1/sessions/0"))
        self.assertEqual(listener.until(lambda e: e["what"] == "emptied")[-1]["session"], 0)

    def test_a_great_session_is_counted_to_its_end(self):
        listener = self.listen("?types=lease")
        doc, c = self.session()
        ops = [["new", "N", {"x": 1}], *(["new", "N", {"next": {"$ref": f"@{n}"}}] for n in range(19999)), ["hold", "@19999"]]
        self.done(*ops, client=c)
        before = self.heap()
        self.ok(c.delete("/v1/sessions/self"))
        released = listener.until(lambda e: e["what"] == "released")[-1]
        self.assertTrue(eventually(lambda: self.heap()["objects"] == before["objects"] - 20000))
        self.assertEqual((released["objects"], released["whole"]), (20000, True))
        self.assertEqual(released["bytes"], before["bytes"]["live"] - self.heap()["bytes"]["live"])

    def test_changes_of_settings(self):
        listener = self.listen("?types=config")
        self.set(pipeline_max=7, durability="off")
        self.gc(thresholds=[5], debug=["saveall"])
        self.problem(self.c.patch("/v1/config", {"pipeline_max": 8, "nonsense": 1}), 422)
        self.ok(self.c.put("/v1/gc/freeze"))
        self.ok(self.c.delete("/v1/gc/freeze"))
        self.ok(self.c.post("/v1/heap/purge"))
        heard = listener.until(lambda e: e["what"] == "purge")
        self.assertEqual([e["what"] for e in heard], ["config", "gc", "freeze", "unfreeze", "purge"])
        self.assertEqual(heard[0]["changed"], {"pipeline_max": {"from": 64, "to": 7}, "durability": {"from": "commit", "to": "off"}})
        self.assertEqual(heard[1]["changed"], {"thresholds": {"from": [2000, 10, 10], "to": [5, 10, 10]},
                                               "debug": {"from": [], "to": ["saveall"]}})

    def test_only_the_types_that_were_asked_for(self):
        both, deaths, everything = self.listen("?types=death,config"), self.listen("?types=death"), self.listen()
        self.self_loop("a")
        self.collect()
        self.set(pipeline_max=7)
        self.assertEqual([e["type"] for e in both.until(lambda e: e["type"] == "config")], ["death", "config"])
        self.assertEqual(deaths.next()["name"], "a")
        self.assertLessEqual({"gc", "death", "config"}, {e["type"] for e in everything.until(lambda e: e["type"] == "config")})

    # -- cuts

    def test_a_cut_loses_nothing(self):
        listener, heard = self.listen("?types=config"), []
        for n in range(1, 40):
            self.set(pipeline_max=n)
            if n % 3 == 0:
                heard += [listener.next() for _ in range(1 if n % 2 else 3)]
            if n % 7 == 0:
                listener.close()
                listener = self.listen("?types=config", f"Last-Event-ID: {heard[-1]['id']}")
        heard += listener.until(lambda e: e["changed"]["pipeline_max"]["to"] == 39)
        self.assertEqual([e["changed"]["pipeline_max"]["to"] for e in heard], list(range(1, 40)))
        ids = [e["id"] for e in heard]
        self.assertEqual(ids, sorted(set(ids)))

    def test_what_is_not_kept_any_more_is_a_gap(self):
        self.set(events_kept_max=5)
        last = self.listen().first["after"]
        for n in range(1, 11):
            self.set(pipeline_max=n)
        listener = self.listen("", f"Last-Event-ID: {last}")
        self.assertEqual(listener.first, {"id": last + 5, "type": "gap", "after": last, "missed": 5})
        self.assertEqual([listener.next()["id"] for _ in range(5)], list(range(last + 6, last + 11)))

    def test_events_kept_bytes_max(self):
        self.set(events_kept_bytes_max=4096)
        for n in range(100):
            self.set(pipeline_max=1 + n % 50)
        self.assertLess(self.heap()["bytes"]["events"], 16384)
        listener = self.listen("?since=0")
        self.assertEqual(listener.first["type"], "gap")
        self.set(pipeline_max=60)
        kept = listener.until(lambda e: e["changed"]["pipeline_max"]["to"] == 60)
        self.assertLess(sum(len(json.dumps(e)) for e in kept[:-1]), 4096)
        self.assertGreater(len(kept), 5)

    def test_another_life_is_a_gap_and_its_ids_are_higher(self):
        self.set(pipeline_max=7)
        old = self.listen("?since=0").until(lambda e: e["type"] == "config")[-1]["id"]
        other = Daemon()
        try:
            listener = Listener(other, "", f"Last-Event-ID: {old}")
            self.assertEqual((listener.first["type"], listener.first["missed"]), ("gap", None))
            self.assertGreater(listener.first["id"], old)
            for odd in ("x", "", "-1", "1e3", str(2**64), str(2**53 - 1)):
                again = Listener(other, "", f"Last-Event-ID: {odd}")
                self.assertEqual((again.first["type"], again.first["missed"]), ("gap", None), odd)
                again.close()
            listener.close()
        finally:
            other.terminate()
            self.assertEqual(other.finish(), 0)

    # -- time

    def test_events_ping_ms(self):
        """A quiet listener is not idle: it hears something, and is not cut."""
        self.set(events_ping_ms=1000, idle_timeout_ms=100)
        listener, browser = self.listen("?types=death"), self.listen("?types=death", form="Accept: text/event-stream")
        self.assertEqual([listener.next_line() for _ in range(3)], [listener.first] * 3)
        self.c.close()
        self.set(pipeline_max=7)                                # another type: it is told of it by the ping alone
        self.assertTrue(eventually(lambda: listener.next_line()["after"] == listener.first["after"] + 1))
        text = ""
        while text.count(": ping") < 2:
            text += browser.reply.readline().decode()
        self.assertNotIn("data:", text)

    def test_sigterm_ends_streams_cleanly(self):
        listener, browser = self.listen(), self.listen(form="Accept: text/event-stream")
        self.daemon.terminate()
        self.assertIsNone(listener.next())
        browser.reply.read()                                    # raises if the last chunk is missing
        self.assertEqual(self.daemon.process.wait(WAIT), 0)

    # -- many, and slow ones

    def test_events_listeners_max(self):
        self.set(events_listeners_max=2)
        first, second = self.listen(), self.listen()
        said = self.problem(self.c.get("/v1/events"), 429, "too-many")
        self.assertEqual(said["limit"], {"name": "events_listeners_max", "value": 2})
        first.close()
        self.assertTrue(eventually(lambda: self.listen().reply.status == 200, pause=0.1))
        second.close()

    def test_a_thousand_listeners_hear_the_same(self):
        ask = request(self.daemon, "GET", "/v1/events?types=config", b"", LINES)
        socks = [socket.create_connection((self.daemon.host, self.daemon.port), WAIT) for _ in range(1000)]
        heard = {s: b"" for s in socks}
        for s in socks:
            self.addCleanup(s.close)
            s.sendall(ask)
        chooser = selectors.DefaultSelector()
        for s in socks:
            s.setblocking(False)
            chooser.register(s, selectors.EVENT_READ)

        def read_until(mark, seconds=WAIT * 4):
            waiting, end = set(s for s in socks if mark not in heard[s]), time.monotonic() + seconds
            while waiting and time.monotonic() < end:
                for key, _ in chooser.select(1):
                    data = key.fileobj.recv(1 << 16)
                    self.assertNotEqual(data, b"")
                    heard[key.fileobj] += data
                    if mark in heard[key.fileobj]:
                        waiting.discard(key.fileobj)
            self.assertFalse(waiting)

        read_until(b'"ping"')
        for n in range(1, 201):
            self.set(pipeline_max=n)
        read_until(b'"to":200}')
        first = self.events_in(heard[socks[0]])
        self.assertEqual([e["changed"]["pipeline_max"]["to"] for e in first], list(range(1, 201)))
        for s in socks:
            self.assertEqual(self.events_in(heard[s]), first)

    @staticmethod
    def events_in(raw):
        lines = [line for line in raw.split(b"\r\n\r\n", 1)[1].split(b"\n") if line.startswith(b"{")]
        return [e for e in map(json.loads, lines) if e["type"] != "ping"]

    def test_events_backlog_bytes_max(self):
        """One who does not read is cut; the others hear all, and it has cost next to nothing."""
        self.set(events_backlog_bytes_max=65536, events_kept_bytes_max=32 << 20, events_kept_max=1000000)
        deaf = socket.socket()
        self.addCleanup(deaf.close)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(WAIT)
        deaf.connect((self.daemon.host, self.daemon.port))
        deaf.sendall(request(self.daemon, "GET", "/v1/events?types=death", b"", LINES))
        listener, heard = self.listen("?types=death"), []
        reader = threading.Thread(target=lambda: heard.extend(
            listener.until(lambda e: e["name"] == "last")))
        reader.start()
        most, name = 0, "n" * 230
        for _ in range(40):
            self.done(*(op for n in range(500) for op in (["new", "N", {}], ["weak", f"{name}{n}", f"@{2 * n}"])), query="?reply=summary")
            most = max(most, self.heap()["bytes"]["connections"])
        self.done(["new", "N", {}], ["weak", "last", "@0"], query="?reply=summary")
        reader.join(WAIT)
        self.assertEqual(len(heard), 20001)
        self.assertLess(most, 4 << 20)

        got = 0
        with suppress(ConnectionError):
            while data := deaf.recv(1 << 16):                   # a timeout is an error: it was not cut
                got += len(data)
        self.assertLess(got, sum(len(json.dumps(e)) for e in heard))
        self.assertEqual(self.metric("heapd_connections_cut_total", by="events"), 1)
        self.assertIsNotNone(self.listen("?types=death").first)

    def test_many_that_do_not_read_stay_below_the_limit_of_all_buffers(self):
        self.set(buffer_bytes_max=1 << 20, events_kept_bytes_max=32 << 20, events_kept_max=1000000)
        deaf = []
        for _ in range(60):
            s = socket.socket()
            self.addCleanup(s.close)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect((self.daemon.host, self.daemon.port))
            s.sendall(request(self.daemon, "GET", "/v1/events?types=death", b"", LINES))
            deaf.append(s)
        most, name = 0, "n" * 230
        for _ in range(20):
            self.done(*(op for n in range(500) for op in (["new", "N", {}], ["weak", f"{name}{n}", f"@{2 * n}"])), query="?reply=summary")
            most = max(most, self.heap()["bytes"]["connections"])
        self.assertLess(most, 6 << 20)


class Scopes(EventsTest, test_doors.TokenTest):
    def test_whoever_may_read_may_listen_until_the_token_is_taken_back(self):
        nobody = Client(self.daemon)
        self.problem(nobody.get("/v1/events"), 401)
        nobody.close()
        ann = self.listen("?types=config", f"Authorization: Bearer {READ}")
        bob = self.listen("?types=config", f"Authorization: Bearer {WRITE}")
        self.set(pipeline_max=7)
        self.assertEqual([x.next()["by"] for x in (ann, bob)], ["eve", "eve"])
        self.write_tokens(f"bob write {WRITE}\neve admin {ADMIN}\n")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.assertIsNone(ann.next())
        self.set(pipeline_max=8)
        self.assertEqual(bob.next()["changed"]["pipeline_max"]["to"], 8)


class Kept(EventsTest, StoreTest):
    fresh = True

    def test_a_restart_is_a_gap_though_the_instance_is_the_same(self):
        self.set(pipeline_max=7)
        listener = self.listen("?since=0")
        old = listener.until(lambda e: e["type"] == "config")[-1]["id"]
        instance = self.c.get("/livez").headers["heapd-instance"]
        listener.close()
        self.again()
        self.assertEqual(self.c.get("/livez").headers["heapd-instance"], instance)
        listener = self.listen("?types=config", f"Last-Event-ID: {old}")
        self.assertEqual((listener.first["type"], listener.first["missed"]), ("gap", None))
        self.assertGreater(listener.first["id"], old)

    def work(self, stop, worker):
        """Makes and drops, names weakly, opens and ends sessions, until the daemon is gone."""
        client, n = Client(self.daemon), 0
        with suppress(Exception):                               # it was killed in the middle of something
            while not stop.is_set():
                n += 1
                i = client.post("/v1/objects", {"class": "N"}).json["id"]
                client.put(f"/v1/weak/{worker}-{n}", {"$ref": i})
                client.delete(f"/v1/objects/{i}")
                if n % 3 == 0:
                    doc = client.post("/v1/sessions", {"ttl": 3600, "label": f"{worker}-{n}"}).json
                    if n % 2:
                        client.request("DELETE", "/v1/sessions/self", None, {"Heapd-Session": doc["token"]})
        client.close()

    def test_nobody_is_told_what_a_kill_takes_back(self):
        for life in range(3):
            heard, stop = [], threading.Event()
            listener = self.listen()

            def hear():
                with suppress(Exception):
                    while (event := listener.next()) is not None:
                        heard.append(event)

            threads = [threading.Thread(target=hear)] + [threading.Thread(target=self.work, args=(stop, f"{life}w{n}")) for n in range(4)]
            for t in threads:
                t.start()
            self.assertTrue(eventually(lambda: len(heard) > 100))
            self.kill()
            stop.set()
            for t in threads:
                t.join(WAIT)
            self.start()
            dead = [e["name"] for e in heard if e["type"] == "death"]
            self.assertGreater(len(dead), 20)
            weak = {w["name"]: w["$ref"] for w in self.pages("/v1/weak", limit=1000)}
            for name in dead:
                self.assertIsNone(weak[name])                   # KeyError: it was never named
            sessions = {s["id"] for s in self.pages("/v1/sessions", limit=1000)}
            ended = {e["session"] for e in heard if e["type"] == "lease" and e["what"] == "ended"}
            self.assertFalse(ended & sessions)
            # what was opened is there, or has been ended since without anybody being told before the kill
            for e in heard:
                if e["type"] == "lease" and e["what"] == "created" and int(e["label"].split("-")[1]) % 2 == 0:
                    self.assertIn(e["session"], sessions)


class Waiting(EventsTest, test_store_faults.Faults):
    fresh = True

    def test_an_event_waits_for_the_disk_as_the_answer_does(self):
        listener = self.listen("?types=lease")
        kept, _ = self.session(label="kept")
        self.assertEqual(listener.next()["session"], kept["id"])
        self.fault("full")
        waiting = self.wire()
        waiting.ask("POST", "/v1/sessions", {"label": "waits"})
        self.assertTrue(eventually(lambda: b"store-full" in os.pread(self.daemon.log.fileno(), 1 << 20, 0)))
        chooser = selectors.DefaultSelector()
        chooser.register(listener.sock, selectors.EVENT_READ)
        self.assertEqual(chooser.select(1), [])
        self.heal()
        self.assertEqual(listener.next()["label"], "waits")
        self.assertEqual(waiting.answer("POST").status, 201)

    def test_what_was_told_is_there_after_a_kill_with_the_disk_full(self):
        listener, heard = self.listen("?types=lease"), []
        for n in range(5):
            self.session(label=str(n))
            heard.append(listener.next()["session"])
        self.fault("full")
        self.wire().ask("POST", "/v1/sessions", {"label": "never"})
        self.assertTrue(eventually(lambda: b"store-full" in os.pread(self.daemon.log.fileno(), 1 << 20, 0)))
        self.kill()
        self.assertIsNone(self.last_heard(listener))
        self.heal()
        self.start()
        self.assertLessEqual(set(heard), {s["id"] for s in self.pages("/v1/sessions")})

    @staticmethod
    def last_heard(listener):
        with suppress(Exception):                               # cut in the middle of a chunk
            return listener.next()


@unittest.skipUnless("HEAPCTL_BIN" in os.environ, "no heapctl")
class Heapctl(EventsTest):
    fresh = True

    def start(self, *words):
        p = subprocess.Popen([os.environ["HEAPCTL_BIN"], "--url", f"http://{self.daemon.host}:{self.daemon.port}", "events", *words],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(p.wait, WAIT)
        self.addCleanup(p.kill)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.stderr.close)
        return p

    def test_lines_for_people_and_for_programs(self):
        people, program = self.start("--since", "0", "--types", "death,config"), self.start("--json", "--since", "0", "--types", "config")
        self.assertRegex(people.stdout.readline(), r"^ +gap +after=0  missed=null$")
        self.assertEqual(json.loads(program.stdout.readline())["type"], "gap")
        i = self.new()
        self.ok(self.c.put("/v1/weak/a%1b%5b31m%0ab", {"$ref": i}), 200, 201)
        self.drop(i)
        self.set(pipeline_max=9)
        self.assertRegex(people.stdout.readline(), rf"^[\d:.]+Z +death +name=a\\x1b\[31m\\nb  object={i}\n$")
        self.assertRegex(people.stdout.readline(), r"^[\d:.]+Z +config +what=config  by=null  persist=false  changed=.*pipeline_max.*9")
        self.assertEqual(json.loads(program.stdout.readline())["changed"]["pipeline_max"]["to"], 9)
        for p in (people, program):
            p.send_signal(signal.SIGINT)
            self.assertEqual((p.wait(WAIT), p.stdout.read(), p.stderr.read()), (0, "", ""))

    def test_it_goes_on_when_heapd_comes_back(self):
        place = f"127.0.0.1:{self.daemon.port}"
        p = self.start("--json", "--since", "0", "--types", "config")
        self.assertEqual(json.loads(p.stdout.readline())["type"], "gap")
        self.set(pipeline_max=9)
        self.assertEqual(json.loads(p.stdout.readline())["changed"]["pipeline_max"]["to"], 9)
        self.c.close()
        self.daemon.terminate()
        self.assertEqual(self.daemon.finish(), 0)
        again = Daemon("--listen", place)
        try:
            self.assertEqual(json.loads(p.stdout.readline())["type"], "gap")
            c = Client(again)
            self.assertEqual(c.patch("/v1/config", {"pipeline_max": 10}).status, 200)
            c.close()
            self.assertEqual(json.loads(p.stdout.readline())["changed"]["pipeline_max"]["to"], 10)
            p.send_signal(signal.SIGTERM)
            self.assertEqual(p.wait(WAIT), 0)
            self.assertIn("gone", p.stderr.read())
        finally:
            again.terminate()
            self.assertEqual(again.finish(), 0)

    def test_what_makes_no_sense(self):
        for words, status in (("--types", "nonsense"), 1), (("--since", "x"), 2), (("more",), 2):
            p = self.start(*words)
            self.assertEqual(p.wait(WAIT), status, words)
            self.assertNotEqual(p.stderr.read(), "")


if __name__ == "__main__":
    unittest.main()

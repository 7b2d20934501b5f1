"""
test_process.py - heapd as a service: what it tells its manager, what it logs, and its last words.
"""
import json
import os
import re
import signal
import socket
import tempfile
import time
import unittest
from unittest import mock

from heapd_test import WAIT, Client, Daemon, HeapdTest, eventually

NDJSON = {"Content-Type": "application/x-ndjson"}
SECRET = "secret-token-0123456789abcdef"


class Manager:
    """Whoever listens at $NOTIFY_SOCKET, by a path or an abstract name."""

    def __init__(self, name):
        self.name, self.heard = name, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.setblocking(False)

    def listen(self):
        """All that was told so far, one dictionary a message."""
        try:
            while text := self.socket.recv(4096).decode():
                self.heard.append(dict(line.split("=", 1) for line in text.splitlines()))
        except BlockingIOError:
            pass
        return self.heard

    def hears(self, **pairs):
        return eventually(lambda: any(pairs.items() <= message.items() for message in self.listen()))

    def close(self):
        self.socket.close()


class Service(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def manager(self, name=None):
        m = Manager(name or f"{self.folder}/notify")
        self.addCleanup(m.close)
        return m

    def start(self, *options, **env):
        with mock.patch.dict(os.environ, env):
            daemon = Daemon(*options)
        self.addCleanup(self.stop, daemon)
        return daemon

    def stop(self, daemon):
        daemon.terminate()
        if daemon.process.poll() is None or not daemon.log.closed:
            daemon.finish()

    def ends(self, daemon, status=0):
        daemon.terminate()
        self.assertEqual(daemon.finish(), status)
        return daemon.last_words

    # -- the manager

    def test_it_says_ready_reloading_and_stopping(self):
        for name in (f"{self.folder}/by-path", f"@heapd-test-{os.getpid()}"):
            manager = self.manager(name)
            daemon = self.start(NOTIFY_SOCKET=name)
            self.assertTrue(manager.hears(READY="1", STATUS="Serving"), name)
            heard = len(manager.listen())
            daemon.process.send_signal(signal.SIGHUP)
            self.assertTrue(manager.hears(RELOADING="1"))
            self.assertTrue(eventually(lambda: len(manager.listen()) >= heard + 2))
            reloading, ready = manager.heard[heard:heard + 2]
            self.assertLess(abs(int(reloading["MONOTONIC_USEC"]) / 1e6 - time.clock_gettime(time.CLOCK_MONOTONIC)), WAIT)
            self.assertEqual(ready["READY"], "1")
            self.ends(daemon)
            self.assertEqual(manager.listen()[-1]["STOPPING"], "1")
            self.assertNotIn("WATCHDOG", {key for message in manager.heard for key in message})

    def test_the_watchdog_hears_the_loop_and_nothing_when_it_stands_still(self):
        manager = self.manager()
        daemon = self.start(NOTIFY_SOCKET=manager.name, WATCHDOG_USEC="200000")
        beats = lambda: sum(message.get("WATCHDOG") == "1" for message in manager.listen())
        self.assertTrue(eventually(lambda: beats() >= 5))
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(0.2)
            before = beats()
            time.sleep(0.6)
            self.assertEqual(beats(), before)
        finally:
            daemon.process.send_signal(signal.SIGCONT)
        self.assertTrue(eventually(lambda: beats() > before))
        self.ends(daemon)

    def test_a_watchdog_of_another_process_is_not_ours(self):
        manager = self.manager()
        daemon = self.start(NOTIFY_SOCKET=manager.name, WATCHDOG_USEC="20000", WATCHDOG_PID="1")
        self.assertTrue(manager.hears(READY="1"))
        time.sleep(0.2)
        self.assertFalse(any("WATCHDOG" in message for message in manager.listen()))
        self.ends(daemon)

    def test_a_manager_that_is_not_there_harms_nobody(self):
        for name in (f"{self.folder}/nobody", "@nobody-at-all", "relative", "", "/" + 200 * "x"):
            daemon = self.start(NOTIFY_SOCKET=name, WATCHDOG_USEC="1000")
            client = Client(daemon)
            self.assertEqual(client.get("/livez").status, 200)
            client.close()
            words = self.ends(daemon)
            self.assertEqual("notify-ignored" in words, not name.startswith(("/", "@")) or len(name) > 107, words)

    # -- what comes back

    def kept(self, objects):
        """A directory with a heap of so many."""
        data = f"{self.folder}/data"
        daemon = self.start("--data", data)
        client = Client(daemon)
        self.assertTrue(eventually(lambda: client.get("/readyz").status == 200))
        ops = [op for n in range(objects) for op in (["new", "N", {"n": n}], ["root", f"r{n}", f"@{2 * n}"])]
        said = client.post("/v1/batch?reply=summary", "".join(json.dumps(op) + "\n" for op in ops), NDJSON)
        self.assertEqual((said.status, client.get("/v1/heap").json["objects"]), (200, objects))
        client.close()
        self.ends(daemon)
        return data

    def test_it_is_ready_when_the_heap_is_back_and_says_meanwhile_how_far_it_is(self):
        data, manager = self.kept(30000), self.manager()
        daemon = self.start("--data", data, NOTIFY_SOCKET=manager.name, WATCHDOG_USEC="20000")
        daemon.process.send_signal(signal.SIGHUP)   # reads no tokens, and makes it no readier
        self.assertTrue(manager.hears(READY="1", STATUS="Serving"))
        before = manager.heard[:next(n for n, message in enumerate(manager.heard) if "READY" in message)]
        self.assertEqual(before[0]["STATUS"], "Recovering: 0 %")
        self.assertGreater(int(before[0]["EXTEND_TIMEOUT_USEC"]), 1000000)
        self.assertIn({"WATCHDOG": "1"}, before)
        client = Client(daemon)
        self.assertEqual(client.get("/v1/heap").json["objects"], 30000)
        self.assertEqual(client.post("/v1/heap/validate").json, {"broken": []})
        client.close()
        words = self.ends(daemon)
        self.assertRegex(words, r"heapd: info  recovered objects=30000 log_bytes=\d+ seconds=\d+\.\d\d\n")
        self.assertNotIn("no-data", words)

    def test_a_crash_while_it_comes_back_says_so(self):
        data = self.kept(60000)
        daemon = self.start("--data", data)
        daemon.told = True
        daemon.process.send_signal(signal.SIGSEGV)
        self.assertEqual(daemon.finish(), -signal.SIGSEGV)
        self.assertRegex(daemon.last_words.splitlines()[-1], r" phase=recovering objects=\d+ ")

    # -- the log

    def test_a_line_has_a_level_an_event_and_pairs(self):
        daemon = self.start()
        client = Client(daemon)
        instance = client.get("/livez").headers["heapd-instance"]
        client.close()
        lines = self.ends(daemon).splitlines()
        for line in lines:
            self.assertRegex(line, r'^heapd: (info |warn |error) [a-z-]+( [a-z_]+=("[^"]*"|[^ "]+))*$')
        self.assertIn(f"instance={instance}", lines[0])
        self.assertEqual([line.split()[2] for line in lines], ["started", "no-data", "stopping", "stopped"])

    def test_a_level_leaves_out_what_weighs_less(self):
        self.assertEqual(self.ends(self.start("--log-level", "warn")), "")

    def test_no_secret_is_logged(self):
        path = f"{self.folder}/tokens"
        for text in (f"ann admin {SECRET}\n", f"ann admin {SECRET}\nbob admin {SECRET}\n", f"ann {SECRET}\n", f"{SECRET} x y z\n"):
            with open(path, "w") as f:
                f.write(f"ann admin {SECRET}\n")
            daemon = self.start("--token-file", path)
            client = Client(daemon, Authorization=f"Bearer {SECRET}")
            self.assertEqual(client.post("/v1/objects", {"fields": {"password": "hidden-value"}}).status, 201)
            self.assertEqual(client.get(f"/v1/roots/{SECRET}").status, 404)
            client.close()
            with open(path, "w") as f:
                f.write(text)
            daemon.process.send_signal(signal.SIGHUP)
            time.sleep(0.2)
            words = self.ends(daemon)
            self.assertIn("tokens-", words)
            self.assertNotIn("secret", words)
            self.assertNotIn("hidden", words)

    # -- last words

    def test_a_crash_says_how_things_were_and_tells_no_secrets(self):
        path = f"{self.folder}/tokens"
        with open(path, "w") as f:
            f.write(f"ann admin {SECRET}\n")
        for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT):
            daemon = self.start("--token-file", path)
            client = Client(daemon, Authorization=f"Bearer {SECRET}")
            for n in range(3):
                self.assertEqual(client.post("/v1/objects", {"class": "N", "root": f"r{n}", "fields": {"a": "hidden"}}).status, 201)
            instance = client.get("/livez").headers["heapd-instance"]
            daemon.told = True
            daemon.process.send_signal(number)
            self.assertEqual(daemon.finish(), -number)
            client.close()
            last = daemon.last_words.splitlines()[-1]
            self.assertRegex(last, rf"^heapd: fatal signal name={number.name} sent_by=\d+ uptime_s=\d+ version=[\d.]+ "
                                   rf"instance={instance} pid={daemon.process.pid} phase=[a-z-]+ objects=3 roots=3 sessions=\d+ "
                                   rf"connections=1$")
            self.assertIsNone(re.search("hidden|secret", daemon.last_words))


class Ending(HeapdTest):
    """What tests/e2e/test_ops.py and test_limits.py do not say of the drain."""
    fresh = True

    def test_a_long_request_is_answered_before_the_end(self):
        self.done(*[["new", "N", {"in": [{}]}] for _ in range(3000)], ["list", [{"$ref": f"@{n}"} for n in range(3000)]],
                  ["root", "all", "@3000"])
        self.ok(self.c.patch("/v1/config", {"batch_turn_ops": 1}))  # small steps, so that it takes a while
        wires = [self.wire() for _ in range(3)]
        for w in wires:
            w.ask("POST", "/v1/heap/validate")
        time.sleep(0.05)                            # they have come in
        self.daemon.terminate()
        for w in wires:
            answer = w.answer("POST")
            self.assertEqual((answer.status, answer.json), (200, {"broken": []}))
        self.assertEqual(self.daemon.finish(), 0)
        self.assertNotIn("drain-cut", self.daemon.last_words)

    def test_a_second_signal_does_not_wait(self):
        stream = self.stream()
        stream.op("new", "N", {})                   # an upload that will never end
        start = time.monotonic()
        self.daemon.terminate()
        time.sleep(0.2)
        self.assertIsNone(self.daemon.process.poll())
        self.daemon.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.finish(), 0)
        self.assertLess(time.monotonic() - start, 8)  # drain_timeout_ms is 10 s

    def test_while_it_drains_it_is_not_ready_and_nobody_comes_in(self):
        stream, other = self.stream(), self.stream()
        first, second = stream.op("new", "N", {}), other.op("new", "N", {})
        self.daemon.terminate()
        self.assertTrue(eventually(lambda: self.is_closed()))
        self.assertEqual(stream.op("get", "@0")["id"], first["id"])
        self.assertEqual(other.op("get", "@0")["id"], second["id"])
        stream.end(), other.end()
        self.assertEqual(self.daemon.finish(), 0)

    def is_closed(self):
        try:
            socket.create_connection((self.daemon.host, self.daemon.port), 1).close()
        except OSError:
            return True
        return False


if __name__ == "__main__":
    unittest.main()

"""test_watch.py - heapctl gc watch: on a terminal, without one, and when heapd comes and goes."""
import fcntl
import http.server
import json
import os
import pty
import re
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unittest
from pathlib import Path

from heapd_test import WAIT, Client, Daemon, HeapdTest, eventually
from test_heapctl import HEAPCTL

TOP = b"\x1b[H"
COLUMNS = r"^\d\d:\d\d:\d\d +\d+/\d+ +\d+/\d+ +\d+/\d+ "


class Terminal:
    """heapctl on a terminal of so many columns and rows, and what it shows there."""

    def __init__(self, url, *words, columns=80, rows=24, keyboard=True, **env):
        self.master, self.slave = pty.openpty()                # the other end stays open: its settings are looked at in the end
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self.slave)
        env = {"PATH": os.environ["PATH"], "TERM": "xterm", "HEAPD_URL": url, **env}
        self.process = subprocess.Popen([HEAPCTL, "gc", "watch", *words], stdin=self.slave if keyboard else subprocess.DEVNULL,
                                        stdout=self.slave, stderr=self.slave, env=env, preexec_fn=self.control, start_new_session=True)
        self.raw = b""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def control(self):
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def resize(self, columns, rows):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        try:
            while got := os.read(self.master, 65536):
                self.raw += got
        except OSError:
            pass

    def pages(self):
        """All that have been drawn whole, without their styles."""
        return [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", p.decode()).replace("\r", "") for p in self.raw.split(TOP)[1:-1]]

    def page(self, pattern="", after=None):
        """The next that reads so, from now on or after so many."""
        seen = len(self.pages()) if after is None else after
        eventually(lambda: any(re.search(pattern, p) for p in self.pages()[seen:]) or self.process.poll() is not None)
        found = [p for p in self.pages()[seen:] if re.search(pattern, p)]
        assert found, f"no page with {pattern!r}: {self.raw[-3000:]}"
        return found[0]

    def press(self, keys):
        os.write(self.master, keys)

    def end(self):
        """Its exit status; the terminal is as it was before."""
        code = self.process.wait(WAIT)
        self.after = termios.tcgetattr(self.slave)
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(WAIT)
        os.close(self.slave)
        self.reader.join(WAIT)
        os.close(self.master)


class WatchTest(HeapdTest):
    fresh = True

    def url(self):
        return f"http://{self.daemon.host}:{self.daemon.port}"

    def terminal(self, *words, url=None, **more):
        t = Terminal(url or self.url(), *words, **more)
        self.addCleanup(t.close)
        return t

    def watch(self, *words, url=None):
        """Without a terminal: exit code, stdout, stderr."""
        env = {"PATH": os.environ["PATH"], "HEAPD_URL": url or self.url()}
        said = subprocess.run([HEAPCTL, "gc", "watch", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, timeout=4 * WAIT)
        return said.returncode, said.stdout, said.stderr


class OnATerminal(WatchTest):
    def test_it_shows_what_there_is_and_goes_on(self):
        self.gc(thresholds=[100000])
        t = self.terminal("--interval", "0.1")
        self.assertRegex(t.page(), r"gen 0 \.{40} 0/100k")
        self.done(*(["new", "N", {}] for _ in range(3000)), ["root", "r", "@0"])
        kept = [self.new({}) for _ in range(50)]
        page = t.page(r"gen 0 \S+ 5\d/100k")
        self.assertRegex(page, r"objects 5\d ")
        self.gc(thresholds=[80])
        self.assertRegex(t.page(r"gen 0 #+\.* 5\d/80"), r"gen 1 \.{40} 0/10 ")
        self.ok(self.c.post("/v1/gc/collect"))
        self.assertRegex(t.page(r"last collections"), r"\n +1  \d\d:\d\d:\d\d  gen 2  request   found 0 +of 5\d ")
        self.gc(enabled=False)
        t.page("collector off")
        for i in kept:
            self.drop(i)
        t.page("objects 1 ")
        t.press(b"q")
        self.assertEqual(t.end(), 0)

    def test_rates_are_of_what_happened_since(self):
        t = self.terminal("--interval", "0.5")
        t.page("created 0/s")
        self.done(*(["new", "N", {}] for _ in range(500)))
        page = t.page(r"created [1-9]")
        self.assertRegex(page, r"freed by counting [1-9]\S*/s +by collecting 0/s")
        t.page("created 0/s  freed by counting 0/s")

    def test_the_terminal_is_given_back(self):
        for how in ("q", "^C", "TERM", "count"):
            with self.subTest(how):
                t = self.terminal("--interval", "0.1", *(("--count", "2") if how == "count" else ()))
                eventually(lambda: t.raw.count(TOP) > 1)
                t.press({"q": b"xq", "^C": b"\x03"}.get(how, b""))
                if how == "TERM":
                    t.process.terminate()
                self.assertEqual(t.end(), 0)
                self.assertEqual(t.after, t.before)
                self.assertTrue(eventually(lambda: t.raw.endswith(b"\x1b[?25h\x1b[?1049l")), t.raw[-100:])
                self.assertTrue(t.raw.startswith(b"\x1b[?1049h\x1b[?25l"))

    def test_keys_that_mean_nothing_do_not_hurry_it(self):
        t = self.terminal("--interval", "1000")
        eventually(lambda: TOP in t.raw)
        t.press(b"xyz\x1a")                                    # Ctrl-Z too
        time.sleep(0.3)
        self.assertEqual((t.raw.count(TOP), t.process.poll()), (1, None))
        t.press(b"q")
        self.assertEqual(t.end(), 0)

    def test_nothing_is_wider_than_the_terminal_and_what_matters_is_there(self):
        for _ in range(30):
            self.ok(self.c.post("/v1/gc/collect"))
        for columns, rows in ((200, 50), (80, 24), (50, 20), (30, 10), (3, 2), (1, 1)):
            with self.subTest(columns=columns, rows=rows):
                t = self.terminal("--interval", "0.1", "--count", "3", columns=columns, rows=rows)
                self.assertEqual(t.end(), 0)
                lines = t.pages()[-1].rstrip("\n").split("\n")
                self.assertLessEqual(max(map(len, lines)), columns)
                self.assertLessEqual(len(lines), rows)
                if columns >= 50:
                    for word in ("gen 0 ", "objects", "rss", "p99", "max", "created", "last collections"):
                        self.assertIn(word, "\n".join(lines))
                    self.assertEqual(len([line for line in lines if "request" in line]), min(30, rows - len(lines) + len([
                        line for line in lines if "request" in line])), "every row is used")

    def test_it_follows_the_size_of_the_window(self):
        t = self.terminal("--interval", "0.1", columns=100)
        self.assertIn("." * 40, t.page())
        t.resize(60, 24)
        self.assertRegex(t.page(r"gen 0 \.{20} 0/2000"), r"(?m)^rates")

    def test_colours_can_be_turned_off(self):
        styles = rb"\x1b\[\d+m"
        for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
            t = self.terminal("--interval", "0.1", "--count", "2", **env)
            self.assertEqual(t.end(), 0)
            self.assertEqual(bool(re.search(styles, t.raw)), coloured)

    def test_without_a_keyboard_it_goes_on(self):
        t = self.terminal("--interval", "0.1", "--count", "3", keyboard=False)
        self.assertEqual(t.end(), 0)
        self.assertEqual(t.raw.count(TOP), 3)

    def test_a_dumb_terminal_gets_lines(self):
        t = self.terminal("--interval", "0.1", "--count", "2", TERM="dumb")
        self.assertEqual(t.end(), 0)
        self.assertEqual(len(re.findall(COLUMNS, t.raw.decode().replace("\r", ""), re.M)), 2)
        self.assertNotIn(b"\x1b", t.raw)


class Without(WatchTest):
    def test_a_line_a_tick(self):
        self.new({})
        code, out, err = self.watch("--interval", "0.1", "--count", "25")
        self.assertEqual((code, err), (0, ""))
        lines = out.splitlines()
        self.assertEqual(len([line for line in lines if re.match(COLUMNS, line)]), 25)
        self.assertEqual([i for i, line in enumerate(lines) if "gen0" in line], [0, 21])
        self.assertRegex(lines[1], r" 1/2000 +0/10 +0/10 +1 .* -/s +-/s ")
        self.assertRegex(lines[2], r" 0/s +0/s ")
        self.assertNotIn("\x1b", out)

    def test_json(self):
        i = self.new({})
        code, out, err = self.watch("--json", "--interval", "0.1", "--count", "3")
        self.assertEqual((code, err), (0, ""))
        docs = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(docs), 3)
        for doc in docs:
            self.assertEqual(doc["gc"]["counts"], self.gc()["counts"])
            self.assertEqual(doc["heap"]["objects"], 1)
            self.assertGreater(doc["time"], 1e9)
        self.drop(i)

    def test_what_makes_no_sense_is_refused(self):
        for words in (("--interval", "0"), ("--interval", "x"), ("--interval", "nan"), ("--interval", "1s"), ("--count", "0"), ("--count", "-1"), ("--count", "@2"),
                      ("more",), ("--persist",)):
            code, out, err = self.watch(*words)
            self.assertEqual((code, out), (2, ""), words)
            self.assertIn("usage: heapctl gc", err)
        self.assertEqual(subprocess.run([HEAPCTL, "gc", "log", "--count", "3"], capture_output=True, timeout=WAIT).returncode, 2)

    def test_who_was_never_there_is_not_waited_for(self):
        code, out, err = self.watch(url="http://127.0.0.1:1")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("not reachable", err)

    def test_a_full_disk_ends_it(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "wb") as full:
            env = {"PATH": os.environ["PATH"], "HEAPD_URL": self.url()}
            said = subprocess.run([HEAPCTL, "gc", "watch", "--interval", "0.1"], stdout=full, stderr=subprocess.PIPE, env=env, timeout=WAIT)
        self.assertEqual(said.returncode, 1)


class ComesAndGoes(WatchTest):
    """heapd ends and begins again at the same place."""

    def begin(self):
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory())) / "socket"
        self.options = ("--listen", f"unix:{self.place}")
        super().begin()

    def url(self):
        return f"unix:{self.place}"

    def stop(self):
        self.c.close()
        self.daemon.terminate()
        self.assertEqual(self.daemon.finish(), 0)

    def start(self):
        self.daemon = Daemon(*self.options)
        self.c = Client(self.daemon)

    def test_a_terminal_says_so_and_goes_on(self):
        kept = [self.new({}) for _ in range(7)]
        t = self.terminal("--interval", "0.1")
        t.page("objects 7 ")
        self.stop()
        self.assertRegex(t.page("it has gone"), r"objects 7 ")     # what was known stays to be read
        self.start()
        t.page(r"q ends\n\n[^!]*objects 0 ")
        self.new({})
        t.page("objects 1 ")
        t.press(b"q")
        self.assertEqual(t.end(), 0)
        self.assertEqual(len(kept), 7)

    def test_a_start_between_two_looks_is_noticed(self):
        self.new({})
        t = self.terminal("--interval", "1")
        eventually(lambda: TOP in t.raw)
        self.stop()
        self.start()
        self.assertRegex(t.page("it has begun anew", after=1), r"created -/s")
        t.page(r"q ends\n\n")

    def test_a_start_is_noticed_though_more_is_there_than_before(self):
        t = self.terminal("--interval", "2")
        t.page("objects 0 ")
        self.stop()
        self.start()
        for _ in range(9):
            self.new({})
        self.ok(self.c.post("/v1/gc/collect", {"generation": 2}))
        self.assertRegex(t.page("it has begun anew", after=1), r"created -/s")

    def test_lines_say_so_on_stderr(self):
        env = {"PATH": os.environ["PATH"], "HEAPD_URL": self.url()}
        p = subprocess.Popen([HEAPCTL, "gc", "watch", "--interval", "0.1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=env, text=True)
        self.addCleanup(p.wait, WAIT)
        self.addCleanup(p.kill)
        self.assertIn("gen0", p.stdout.readline())
        self.assertRegex(p.stdout.readline(), COLUMNS)
        self.stop()
        self.assertIn("heapd has gone", p.stderr.readline())
        self.start()
        self.assertIn("heapd is back", p.stderr.readline())
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=WAIT)
        self.assertEqual((p.returncode, err), (0, ""))

    def test_one_that_is_gone_in_the_end_is_a_failure(self):
        env = {"PATH": os.environ["PATH"], "HEAPD_URL": self.url()}
        p = subprocess.Popen([HEAPCTL, "gc", "watch", "--interval", "0.2", "--count", "8"], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True)
        p.stdout.readline()
        self.stop()
        self.assertEqual(p.wait(WAIT), 1)
        p.communicate()
        self.start()

    def test_one_that_stands_still_is_gone_and_ctrl_c_is_heard_meanwhile(self):
        self.addCleanup(self.daemon.process.send_signal, signal.SIGCONT)
        took = []
        for look in (lambda t: t.page("it has gone"), lambda t: t.press(b"\x03") or self.assertEqual(t.end(), 0)):
            t = self.terminal("--interval", "0.1")
            t.page("objects")
            self.daemon.process.send_signal(signal.SIGSTOP)
            drawn = t.raw.count(TOP)
            time.sleep(0.3)                                    # it asks now, and waits
            self.assertLessEqual(t.raw.count(TOP), drawn + 1)
            began = time.monotonic()
            look(t)
            took.append(time.monotonic() - began)
            self.daemon.process.send_signal(signal.SIGCONT)
        self.assertLess(took[1], took[0] / 3, "Ctrl-C has to wait as long as heapd is given")


class Hostile(http.server.BaseHTTPRequestHandler):
    """Somebody who is no heapd, and would like to drive the terminal of whoever asks him."""
    EVIL = "\x1b[2J\x1b]0;owned\x07\u009b31m"

    def do_GET(self):
        doc = {"/v1/gc": {"phase": self.EVIL, "thresholds": ["x", -5], "counts": [1e300, None], "generations": {"a": 1}},
               "/v1/heap": {"objects": "many", "bytes": []}}.get(self.path, {"items": [
                   {"reason": self.EVIL, "ended": f"T{self.EVIL}", "number": 1e300, "duration_us": -1}, 7, None] * 9})
        body = json.dumps(doc).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Stranger(WatchTest):
    def test_what_it_says_does_not_drive_the_terminal(self):
        server = http.server.HTTPServer(("127.0.0.1", 0), Hostile)
        self.addCleanup(server.server_close)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        url = f"http://127.0.0.1:{server.server_port}"
        t = self.terminal("--interval", "0.1", "--count", "3", url=url)
        self.assertEqual(t.end(), 0)
        self.assertEqual(re.findall(rb"\x1b\[2J|\x1b\]|\x07|\xc2\x9b", t.raw), [])
        self.assertIn(rb"\x1b[2J", t.raw)
        code, out, _ = self.watch("--interval", "0.1", "--count", "2", url=url)
        self.assertEqual((code, "\x1b" in out), (0, False))

    def test_nor_does_the_place_where_it_listens(self):
        place = Path(self.enterContext(tempfile.TemporaryDirectory())) / "\x1b]0;x\x07"
        daemon = Daemon("--listen", f"unix:{place}")
        self.addCleanup(daemon.finish)
        self.addCleanup(daemon.terminate)
        t = self.terminal("--interval", "0.1", "--count", "2", url=f"unix:{place}")
        self.assertEqual(t.end(), 0)
        self.assertTrue(eventually(lambda: rb"\x1b]0;x\x07" in t.raw))
        self.assertNotIn(b"\x1b]0;x", t.raw)


if __name__ == "__main__":
    unittest.main()

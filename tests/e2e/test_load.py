"""test_load.py - heapctl load: its document adds up, what a stall costs is seen, a trace is replayed, what goes wrong is told."""
import fcntl
import json
import os
import pty
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unittest

from heapd_test import WAIT, Client, Daemon, HeapdTest, eventually
from load_test import CANNOT_TELL, FAILED, HEAPCTL, RUN_S, USAGE, load

RATE = 200
SILENCE_S = 60                                  # LOAD_SILENCE_S
WRK_PAUSE_MS, WRK_ROUNDS_MAX, FACTOR = 4, 20, 2


class FakeHeapd:
    """Answers all alike on a Unix socket or a port; `hangs_up_after` so many it closes each connection on which it is asked to make
    something; None: it accepts, and never says anything."""

    BODY = b'{"token":"t","info":{"version":"1"},"id":5}'

    def __init__(self, hangs_up_after, path=None, header=b""):
        self.hangs_up_after, self.header, self.said = hangs_up_after, header, 0
        self.listener = socket.create_server(("127.0.0.1", 0)) if path is None else socket.socket(socket.AF_UNIX)
        if path is not None:
            self.listener.bind(path)
            self.listener.listen(100)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}" if path is None else f"unix:{path}"
        self.open = [self.listener]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        shut(self.open)

    def accept(self):
        try:
            while True:
                self.open.append(self.listener.accept()[0])
                if self.hangs_up_after is not None:
                    threading.Thread(target=self.serve, args=(self.open[-1],), daemon=True).start()
        except OSError:
            pass

    def serve(self, c):
        try:
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (more := c.recv(65536)):
                        return
                    head += more
                c.sendall(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (self.header, len(self.BODY), self.BODY))
                self.said += 1
                if self.said > self.hangs_up_after and b"POST /v1/objects " in head:
                    c.close()
                    return
        except OSError:
            pass


def shut(sockets):
    for s in sockets:
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        s.close()


def between(low, some, high):
    """The least of them, to a factor."""
    return min(low) < FACTOR * min(some) and min(some) < FACTOR * min(high)


def part_above(times, us):
    """Of a histogram."""
    return sum(n for upper, n in times["histogram"] if upper > us) / times["count"]


class Loaded(HeapdTest):
    options = ("--allow-host", "127.0.0.1")     # at the ports of proxies

    def load(self, *words, **more):
        self.c.close()                          # heapd may cut what is idle meanwhile; the next request connects again
        return load(self.daemon.port, *words, **more)

    def document(self, *words):
        said = self.load(*words, "--json")
        self.assertEqual(said.returncode, 0, said.stderr)
        return json.loads(said.stdout)

    def sites(self):
        """Where what is there was made."""
        self.ok(self.c.post("/v1/gc/collect"))
        return {i["site"] for i in self.ok(self.c.get("/v1/heap/sites?limit=1000"))["items"] if i["count"] > 0}

    def all_is_gone(self):
        self.assertTrue(eventually(lambda: not self.sites()), self.sites())

    def end_sessions(self):
        for s in self.ok(self.c.get("/v1/sessions"))["items"]:
            if s["id"] != 0:
                self.ok(self.c.delete(f"/v1/sessions/{s['id']}"), 200, 204)

    # -- arrivals, and the document

    def test_a_seed_decides_when_requests_are_due(self):
        one, again, other = (self.document("churn", "--rate", 300, "--duration", 1, "--seed", s)["ops"]["planned"] for s in (7, 7, 8))
        self.assertEqual(one, again)
        self.assertNotEqual(one, other)
        self.assertAlmostEqual(one, 300, delta=6 * 300 ** 0.5)
        even = self.document("churn", "--rate", 300, "--duration", 1, "--even")["ops"]
        self.assertIn(even["planned"], (299, 300))

    def test_the_document_adds_up(self):
        d = self.document("churn,cycle-churn,session-expiry,listener-churn", "--rate", 300, "--duration", 2, "--seed", 3)
        ops = d["ops"]
        self.assertEqual(ops["planned"], ops["sent"] + ops["shed"])
        self.assertEqual((ops["sent"], ops["shed"]), (ops["done"] + ops["failed"], 0))  # no scenario is left waiting
        self.assertEqual(ops["sent"], sum(ops["by_kind"].values()))
        self.assertEqual(set(ops["by_kind"]), {"create", "read", "link", "drop", "batch", "session"})
        for times in (d["latency_us"], d["service_us"]):
            self.assertEqual(times["count"], ops["done"])
            self.assertEqual(times["count"], sum(n for _, n in times["histogram"]))
            self.assertEqual(sorted(times[k] for k in ("min", "p50", "p90", "p99", "p999", "max")),
                             [times[k] for k in ("min", "p50", "p90", "p99", "p999", "max")])
        self.assertEqual((d["command"], d["readings_lost"]),
                         (f"heapctl load {d['scenario']} --rate 300 --duration 2 --url http://127.0.0.1:{self.daemon.port} --seed 3", 0))
        self.assertEqual(d["collections_seen"], {"count": len(d["collections"]), "missed": 0, "collected": sum(c["collected"] for c in d["collections"]),
                                                 "max_slice_us": max(c["max_slice_us"] for c in d["collections"])})
        self.assertEqual(len({len(v) for v in d["series"].values()}), 1)
        self.assertEqual({len(d["floor"][k]) for k in ("live", "objects")}, {len(d["floor"]["t_s"])})
        self.assertEqual((d["scenario"], d["seed"], d["rate"], d["clients"], d["duration_s"]),
                         ("churn,cycle-churn,session-expiry,listener-churn", 3, 300.0, 8, 2.0))
        self.assertEqual(d["instance"], self.c.get("/livez").headers["heapd-instance"])
        self.assertTrue(any(c["reason"] == "request" for c in d["collections"]))

    def test_too_much_is_shed_and_told(self):
        said = self.document("churn", "--rate", 200000, "--duration", 1, "--clients", 1)
        self.assertGreater(said["ops"]["shed"], 0)
        self.assertEqual(said["ops"]["planned"], said["ops"]["sent"] + said["ops"]["shed"])
        self.assertEqual(said["ops"]["sent"], said["ops"]["done"] + said["ops"]["failed"])
        self.assertIn("never sent", json.dumps(said["verdict"]["evidence"] + [self.load("churn", "--rate", 200000, "--duration", 1, "--clients", 1).stdout]))

    def test_several_at_once_and_the_one_that_leaks_is_named(self):
        for _ in range(3):                      # the machine may have stood still
            said = self.document("churn,listener-churn,cache-without-eviction", "--rate", 300, "--duration", 10)
            if said["verdict"]["leak"] is not None:
                break
        self.assertEqual((said["verdict"]["leak"], said["verdict"]["site"]), (True, "load/cache-without-eviction"), said["verdict"])

    # -- what its end means

    def test_wrong_words_are_refused(self):
        for words in ([], ["no-such"], ["churn", "more"], ["churn,no-such"], ["churn", "--rate", "0"], ["churn", "--rate", "fast"],
                      ["churn", "--rate", "nan"], ["churn", "--duration", "-1"], ["churn", "--duration", "1e99"], ["churn", "--clients", "0"],
                      ["churn", "--clients", "1025"], ["churn", "--seed", "x"], ["churn", "--seed", "-1"], ["churn", "--seed", 1 << 53], ["churn", "--expect", "maybe"],
                      ["churn", "--no-such"], [",".join(["churn"] * 17)], ["--trace", "/no/such/file"], ["--list", "churn"]):
            said = self.load(*words)
            self.assertEqual((said.returncode, said.stdout), (USAGE, ""), (words, said))
            self.assertTrue(said.stderr.startswith("heapctl:"), (words, said))
        self.assertIn("churn", self.load("--list").stdout)
        for url in ("https://127.0.0.1:1", "http://", "http://:1", "http://[::1]" + 2000 * "x" + ":80", "http://[::1", "http://[]:80",
                    "http://127.0.0.1:", "http://127.0.0.1:8o", "http://127.0.0.1:123456", "http://" + 300 * "h", "http://127.0.0.1:1/path",
                    "unix:", "unix:/" + 200 * "p", b"http://127.0.0.1:1\xff", b"unix:/tmp/\xff"):
            said = load(0, "churn", url=url)
            self.assertEqual((said.returncode, said.stdout), (USAGE, ""), (url, said))
        said = self.load("churn", "--report", "/no/such/page.html")
        self.assertEqual((said.returncode, said.stdout), (USAGE, ""), said)
        self.assertIn("/no/such/page.html", said.stderr)

    def test_a_host_of_many_names_is_found(self):
        for url in (f"http://localhost:{self.daemon.port}", f"http://127.0.0.1:{self.daemon.port}/"):
            said = load(0, "churn", "--duration", 1, url=url)
            self.assertEqual(said.returncode, 0, said)

    def test_more_clients_than_a_shell_allows(self):
        """No connection is refused for want of a descriptor, and who looks at an object does so before it is dropped."""
        limited = ["sh", "-c", 'ulimit -Sn 64; exec "$@"', "sh", HEAPCTL, "load", "churn", "--url", f"http://127.0.0.1:{self.daemon.port}", "--rate",
                   "2000", "--duration", "2", "--clients", "256", "--json"]
        said = subprocess.run(limited, capture_output=True, text=True, timeout=RUN_S, check=False)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(json.loads(said.stdout)["ops"]["failures"], [])
        said = subprocess.run(["sh", "-c", "ulimit -n 64; exec" + limited[2].partition("exec")[2], *limited[3:]], capture_output=True, text=True,
                              timeout=RUN_S, check=False)
        self.assertEqual(said.returncode, FAILED, said)
        self.assertIn("64 descriptors are allowed", said.stderr)

    def test_a_report_is_whole_or_what_it_was(self):
        with tempfile.TemporaryDirectory() as folder:
            page = os.path.join(folder, "page.html")
            with open(page, "w") as f:
                f.write("the last one")
            run = self.load("churn", "--duration", 1000, "--report", page, start=True)
            time.sleep(1)
            with open(page) as f:
                self.assertEqual(f.read(), "the last one")
            run.send_signal(signal.SIGINT)
            run.communicate(timeout=RUN_S)
            self.assertEqual(run.returncode, 0)
            with open(page) as f:
                self.assertTrue(f.read().startswith("<!doctype html>"))
            self.assertEqual(os.listdir(folder), ["page.html"])

    def test_nobody_there(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))            # and does not listen
            said = load(s.getsockname()[1], "churn", "--duration", 1)
        self.assertEqual((said.returncode, said.stdout), (FAILED, ""), said)
        self.assertIn("heapd is not reachable", said.stderr)

    def test_ctrl_c_ends_it_with_what_there_is(self):
        run = self.load("slow-leak", "--duration", 1000, "--rate", RATE, "--json", start=True)
        time.sleep(2)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=RUN_S)
        said = json.loads(out)
        self.assertEqual((run.returncode, said["stopped_early"], err), (0, True, ""))
        self.assertLess(said["ran_s"], RUN_S)
        self.assertGreater(said["ops"]["done"], 0)
        self.all_is_gone()

    def test_what_was_made_is_kept_if_one_says_so(self):
        self.assertEqual(self.load("listener-leak", "--duration", 1, "--rate", RATE, "--keep").returncode, 0)
        self.assertIn("load/listener-leak", self.sites())
        self.end_sessions()
        self.all_is_gone()

    # -- traces

    def trace(self, *ops, lines=None):
        file = tempfile.NamedTemporaryFile("w", suffix=".ndjson")
        self.addCleanup(file.close)
        file.write(lines if lines is not None else "".join(json.dumps(op) + "\n" for op in ops))
        file.flush()
        return file.name

    def test_a_trace_does_in_batches_what_it_did_as_one(self):
        """A chain whose every link names the one 150 lines before it, beside what stays a plain string, with blank lines."""
        ops = [["new", "Link", {"n": n, "text": "@1", **({"before": {"$ref": f"@{n - 150}"}} if n >= 150 else {})}] for n in range(450)]
        ops += [["set", "@449", "weak", {"$weak": "@299"}], ["set", "@449", "pair", [{"$ref": "@10"}, {"$ref": "@10"}]], ["root", "traced end", "@449"]]
        name = self.trace(lines="\n\n".join(map(json.dumps, ops)))
        said = self.document("--trace", name, "--rate", 40, "--duration", 1, "--keep", "--even")
        self.assertEqual((said["ops"]["done"], said["ops"]["failed"]), (39, 0), said["ops"])  # a keeper, seven times through, and 3 of 5
        counts = {i["class"]: i["count"] for i in self.ok(self.c.get("/v1/heap/classes"))["items"]}
        self.assertLess(counts["Link"], 400)    # those of the last 150 lines and those before them, and the chain; no longer all
        end = self.ok(self.c.get("/v1/roots/traced%20end"))["$ref"]
        chain, at = [], end
        while at:
            fields = self.doc(at)["fields"]
            chain.append((fields["n"], fields["text"]))
            at = fields.get("before", {}).get("$ref")
        self.assertEqual(chain, [(449, "@1"), (299, "@1"), (149, "@1")])
        self.assertEqual(self.doc(end)["fields"]["weak"]["$weak"], self.doc(end)["fields"]["before"]["$ref"])
        self.ok(self.c.delete("/v1/roots/traced%20end"), 200, 204)
        self.end_sessions()
        self.all_is_gone()

    def test_a_trace_takes_its_names_away(self):
        name = self.trace(["new", "Thing", {}], ["root", "traced/root", "@0"], ["weak", "traced/weak", "@0"])
        self.assertEqual(self.load("--trace", name, "--duration", 1, "--rate", 50).returncode, 0)
        self.assertEqual(self.c.get("/v1/roots").json["items"] + self.c.get("/v1/weak").json["items"], [])

    def test_a_trace_with_a_bad_line_is_refused_before_anything_is_sent(self):
        good = '["new","Thing",{}]\n'
        for bad in ('["new","Thing",{}', '{"new":1}', '["no-such",1]', '["set","@1","x",2]', '["set","@7","x",2]', '["push","@99999999999999999999",2]',
                    "[" * 200 + "]" * 200, '["new","T",{"a":{"$ref":"@3"}}]', '["new","T",' + '{"a":' * 100 + "1" + "}" * 100 + "]", "\x00", '["new","T",{"a":"' + 65536 * "x" + '"}]'):
            said = self.load("--trace", self.trace(lines=good + "\n" + bad + "\n" + good), "--duration", 1)
            self.assertEqual((said.returncode, said.stdout), (USAGE, ""), (bad, said))
            self.assertIn("line 3 of", said.stderr)
        said = self.load("--trace", self.trace(lines="\n\n"), "--duration", 1)
        self.assertEqual(said.returncode, USAGE, said)

    def test_a_trace_whose_file_changes_ends_the_run(self):
        name = self.trace(*[["new", "Thing", {"n": n}] for n in range(5000)])
        run = self.load("--trace", name, "--duration", 1000, "--rate", 10, "--json", start=True)
        time.sleep(2)
        os.truncate(name, 0)
        out, err = run.communicate(timeout=RUN_S)
        self.assertEqual(run.returncode, FAILED, err)
        self.assertIn("trace has nothing to send any more", err)
        self.assertIsNone(json.loads(out)["verdict"]["leak"])
        self.all_is_gone()

    def test_its_command_makes_the_same_again(self):
        name = self.trace(["new", "It's a thing", {}])
        d = self.document("--trace", name, "--rate", 50, "--duration", 1, "--even", "--clients", 2)
        self.assertEqual(shlex.split(d["command"]), ["heapctl", "load", "--trace", name, "--rate", "50", "--duration", "1", "--clients", "2",
                                                     "--url", f"http://127.0.0.1:{self.daemon.port}", "--seed", "1", "--even"])

    # -- on a terminal

    def test_its_line_fits_the_terminal(self):
        for columns in (80, 40):
            here, there = pty.openpty()
            fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            with subprocess.Popen([HEAPCTL, "load", "churn", "--rate", "100000", "--duration", "2", "--clients", "1", "--url",
                                   f"http://127.0.0.1:{self.daemon.port}"], stdout=subprocess.DEVNULL, stderr=there):
                os.close(there)
                said = b""
                try:
                    while more := os.read(here, 65536):
                        said += more
                except OSError:                 # it has ended
                    pass
            os.close(here)
            lines = [re.sub(r"\x1b\[[0-9;]*[mK]", "", line) for line in said.decode().split("\r")]
            self.assertLess(max(map(len, lines)), columns, lines)
            self.assertTrue(any("shed" in line for line in lines), lines)

    # -- latency

    def stalled(self, stall_s, period_s):
        """A proxy stops for so long in every period. What was due meanwhile has waited; only what was under way was served slowly, and
        that is all a closed loop would see: two requests a stall. The latencies, and the parts of them and of service above 100 ms."""
        with Proxy(self.daemon, stall_s, period_s) as proxy:
            said = load(proxy.port, "churn", "--rate", 400, "--duration", 8, "--clients", 2, "--json")
        self.assertEqual(said.returncode, 0, said.stderr)
        said = json.loads(said.stdout)
        return said["latency_us"], *(part_above(said[k], 100_000) for k in ("latency_us", "service_us"))

    def test_a_stall_is_counted_against_all_that_were_due(self):
        """Of three runs one at least: a machine that stops stalls what is under way as well."""
        for _ in range(3):
            times, latency, service = self.stalled(0.3, 1.5)
            if service < latency / 4:
                break
        self.assertGreater(latency, 0.2 / 1.5 * 0.6, times)     # 13 % of the time, and less if a stall was cut
        self.assertLess(service, latency / 4)
        self.assertGreaterEqual(times["p99"], 200_000)
        self.assertGreaterEqual(times["max"], 270_000)

    @unittest.skipUnless(shutil.which("wrk"), "wrk is not installed (deploy/packages bench)")
    def test_its_latencies_are_those_of_wrk(self):
        """The same request, a batch of one op, over one connection, after the same pause. wrk counts from when it sends, as our
        service time does, and then adds what it thinks a stall has hidden, which latency knows: so it lies between the two. In
        rounds in turn the least medians count, those of a machine that was left in peace for a second, and differ by less than
        FACTOR; and latency is no more than service time and what we woke up late."""
        op = '["new","Thing",{"n":1}]\n'
        trace = self.trace(lines=op)
        script = self.trace(lines=f"wrk.method='POST' wrk.path='/v1/batch' wrk.body=[[{op}]] function delay() return {WRK_PAUSE_MS} end")
        service, latency, explained, theirs = [], [], [], []
        while len(theirs) < 3 or (len(theirs) < WRK_ROUNDS_MAX and not (between(service, theirs, latency) and min(explained) < FACTOR)):
            said = self.document("--trace", trace, "--rate", 1000 / WRK_PAUSE_MS, "--even", "--clients", 1, "--duration", 1)
            service.append(said["service_us"]["p50"])
            latency.append(said["latency_us"]["p50"])
            explained.append(latency[-1] / (service[-1] + said["own_lateness_us"]["p50"]))
            said = subprocess.run(["wrk", "-t1", "-c1", "-d1s", "--latency", "-s", script, f"http://127.0.0.1:{self.daemon.port}/"],
                                  capture_output=True, text=True, timeout=RUN_S, check=True).stdout
            number, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)\b", said).groups()
            theirs.append(float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit])
        print(f"load: the least medians of {len(theirs)} rounds: service {min(service)} us, latency {min(latency)} us, wrk {min(theirs):.0f} us", flush=True)
        self.assertTrue(between(service, theirs, latency), (service, theirs, latency))
        self.assertLess(min(explained), FACTOR)


class Proxy:
    """Bytes through, but for `stall_s` in every `period_s`."""

    def __init__(self, daemon, stall_s, period_s):
        self.to, self.stall_s, self.period_s = (daemon.host, daemon.port), stall_s, period_s
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.began, self.open = time.monotonic(), [self.listener]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        shut(self.open)

    def accept(self):
        try:
            while True:
                here, there = self.listener.accept()[0], socket.create_connection(self.to)
                self.open += [here, there]
                for a, b in ((here, there), (there, here)):
                    a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self.carry, args=(a, b), daemon=True).start()
        except OSError:
            pass

    def carry(self, a, b):
        try:
            while data := a.recv(65536):
                late = (time.monotonic() - self.began) % self.period_s
                if late < self.stall_s:
                    time.sleep(self.stall_s - late)
                b.sendall(data)
        except OSError:
            pass
        finally:
            self.end(b)                         # of a broken connection, too: else who waits there waits for ever

    @staticmethod
    def end(s):
        try:
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Killed(unittest.TestCase):
    def test_a_daemon_that_is_killed_is_told_and_nothing_hangs(self):
        daemon = Daemon()
        run = load(daemon.port, "churn", "--duration", 1000, "--rate", RATE, "--json", start=True)
        time.sleep(2)
        daemon.process.kill()
        out, err = run.communicate(timeout=RUN_S)
        daemon.finish()
        self.assertEqual(run.returncode, FAILED, err)
        self.assertIn("heapd went away", err)
        said = json.loads(out)
        self.assertIsNone(said["verdict"]["leak"])
        self.assertIn("heapd went away", said["verdict"]["sentence"])
        self.assertGreater(said["ops"]["done"], 0)
        self.assertEqual(said["ops"]["sent"], said["ops"]["done"] + said["ops"]["failed"])

    def test_who_hangs_up_does_not_end_it(self):
        with tempfile.TemporaryDirectory() as folder, FakeHeapd(50, os.path.join(folder, "socket")) as fake:
            said = load(0, "churn", "--rate", 5000, "--duration", 1, "--clients", 2, "--json", url=fake.url)
            self.assertIn(said.returncode, (0, FAILED), said)
            self.assertGreater(json.loads(said.stdout)["ops"]["failed"], 0)

    def test_bytes_that_are_no_text_do_not_lose_the_figures(self):
        with FakeHeapd(1 << 60, header=b"Heapd-Instance: \xff\xfe\r\n") as fake:
            said = load(0, "churn", "--duration", 1, "--json", url=fake.url)
        self.assertEqual((said.returncode, json.loads(said.stdout)["instance"]), (0, ""), said.stderr)

    def test_who_says_nothing_can_be_left(self):
        with FakeHeapd(None) as fake:
            for sign in (signal.SIGINT, signal.SIGTERM):
                run = load(0, "churn", url=fake.url, start=True)
                self.assertTrue(eventually(lambda: len(fake.open) > 1))
                time.sleep(0.5)
                run.send_signal(sign)
                began = time.monotonic()
                out, err = run.communicate(timeout=RUN_S)
                self.assertEqual((run.returncode, out), (FAILED, ""), err)
                self.assertIn("told to end", err)
                self.assertLess(time.monotonic() - began, 40)   # it would wait for 60 s

    def test_the_second_time_it_ends_at_once(self):
        """The daemon stands still, so that nothing can be waited for."""
        daemon = Daemon()
        try:
            run = load(daemon.port, "churn", "--duration", 1000, "--rate", RATE, "--json", start=True)
            time.sleep(2)
            daemon.process.send_signal(signal.SIGSTOP)
            time.sleep(1)
            run.send_signal(signal.SIGINT)
            time.sleep(1)
            self.assertIsNone(run.poll())
            run.send_signal(signal.SIGINT)
            began = time.monotonic()
            out, err = run.communicate(timeout=RUN_S)
            self.assertLess(time.monotonic() - began, 20)       # it would wait for 30 s, and more
        finally:
            daemon.process.send_signal(signal.SIGCONT)
            daemon.terminate()
            daemon.finish()
        said = json.loads(out)
        self.assertEqual((run.returncode, said["stopped_early"]), (0, True), err)
        self.assertEqual(said["ops"]["sent"], said["ops"]["done"] + said["ops"]["failed"])

    @unittest.skipUnless("HEAPD_TEST_LONG" in os.environ, "takes a minute")
    def test_who_stands_still_for_a_minute_is_told_from_who_asks(self):
        """First the tool itself, which finds a daemon that is well; then the daemon, which is given up."""
        daemon = Daemon()
        try:
            for stopped, status in ((None, 0), (daemon.process, FAILED)):
                run = load(daemon.port, "churn", "--duration", SILENCE_S + 15, "--rate", RATE, "--json", start=True)
                time.sleep(3)
                (stopped or run).send_signal(signal.SIGSTOP)
                if stopped is None:
                    time.sleep(SILENCE_S + 4)
                    run.send_signal(signal.SIGCONT)
                out, err = run.communicate(timeout=RUN_S)
                self.assertEqual(run.returncode, status, err)
                ops = json.loads(out)["ops"]
                self.assertEqual(ops["sent"], ops["done"] + ops["failed"])
                self.assertEqual("it does not answer" in err, status == FAILED)
        finally:
            daemon.process.send_signal(signal.SIGCONT)
            daemon.terminate()
            daemon.finish()

    def test_another_daemon_behind_the_same_door_is_told(self):
        """The door stays open, as it does where systemd holds the socket: nothing is refused, only all is gone."""
        one, other = (Daemon("--allow-host", "127.0.0.1") for _ in range(2))
        try:
            with Proxy(one, 0, 1) as proxy:
                run = load(proxy.port, "churn", "--duration", 1000, "--rate", RATE, "--json", "--expect", "no-leak", start=True)
                time.sleep(6)
                proxy.to = other.host, other.port
                one.process.kill()
                out, err = run.communicate(timeout=RUN_S)
        finally:
            one.finish()
            other.terminate()
            other.finish()
        self.assertEqual(run.returncode, FAILED, err)
        self.assertIn("started anew", err)
        said = json.loads(out)
        self.assertIsNone(said["verdict"]["leak"])
        self.assertGreater(said["ran_s"], 1)

    def test_a_heap_that_is_full_acquits_nobody(self):
        """There is room for 50 thousand bytes: the cache of the run stays as it is from the second second on."""
        daemon = Daemon("--max-memory", "4M")
        client = Client(daemon)
        octets = {"Content-Type": "application/octet-stream"}
        try:
            spare = client.post("/v1/objects", b"b" * 50_000, octets).json["id"]
            for size in (100_000, 10_000):
                while client.post("/v1/objects", b"b" * size, octets).status == 201:
                    pass
            client.delete(f"/v1/objects/{spare}/hold")
            client.post("/v1/gc/collect")
            said = load(daemon.port, "cache-without-eviction", "--rate", 1000, "--duration", 10, "--expect", "no-leak", "--json")
        finally:
            client.close()
            daemon.terminate()
            daemon.finish()
        document = json.loads(said.stdout)
        self.assertEqual((said.returncode, document["verdict"]["leak"]), (CANNOT_TELL, None), document["verdict"])
        self.assertIn("the heap was full", document["verdict"]["sentence"])
        self.assertIn("heap-full", [f["type"] for f in document["ops"]["failures"]])

    def test_a_token_is_used_and_a_wrong_one_told(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("me write secret-of-a-test-0123456789\n")
            file.flush()
            daemon = Daemon("--token-file", file.name)
            try:
                for token, status in (("secret-of-a-test-0123456789", 0), ("wrong", FAILED)):
                    said = subprocess.run([HEAPCTL, "load", "session-leak", "--duration", "1", "--url", f"http://127.0.0.1:{daemon.port}"],
                                          capture_output=True, text=True, timeout=RUN_S, check=False, env={"PATH": os.environ["PATH"], "HEAPD_TOKEN": token})
                    self.assertEqual(said.returncode, status, said)
                    self.assertEqual(" 0 failed" in said.stdout, status == 0, said)
            finally:
                daemon.terminate()
                daemon.finish()


if __name__ == "__main__":
    unittest.main()

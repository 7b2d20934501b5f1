"""
edge_crowd.py - many connections that do little: what an idle one costs, and what slow ones cost the healthy.

Run as a program it is the crowd: idle connections have asked once and say no more; of the slow ones half send a head
byte by byte, begin again when they are cut, and half ask for a document of 300 KB and read a little of it now and then.
"""
import os
import selectors
import socket
import sys
import time
from functools import partial
from pathlib import Path

from peers import Heapd, Row, in_turn, median
from rates import CONNECTIONS, wrk_p99_us

IDLE_BYTES_MAX = 2048
TIMES_MAX = 2
WINDOW_BYTES = 8192  # of a slow reader
ITEMS = 1000         # of the list that slow readers ask for
TEXT = "x" * 300
TICK_S = 0.5         # between two bytes of a slow connection


# ---- the crowd ----

class Slow:
    """One slow connection: a writer of heads, or a reader of a large document."""

    def __init__(self, port, path):
        self.port, self.path = port, path
        self.begin()

    def begin(self):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
        self.sock.connect(("127.0.0.1", self.port))
        self.sock.setblocking(False)
        head = f"GET {self.path or '/livez'} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
        self.rest = (head + ("\r\n" if self.path else "X-Slow: " + "x" * 4000)).encode()
        if self.path:
            self.send(len(self.rest))

    def send(self, count):
        sent = self.sock.send(self.rest[:count])
        self.rest = self.rest[sent:]

    def step(self):
        try:
            if not self.path:
                self.send(1)
            if self.sock.recv(1024) == b"":
                raise ConnectionError
        except BlockingIOError:
            pass
        except OSError:
            self.sock.close()
            self.begin()


def idle(port):
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(f"GET /livez HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    s.recv(4096)
    return s


def be_crowd(port, idle_count, slow_count, path):
    """Until stdin ends: a turn for some of the slow every few milliseconds, so that they do not come in waves."""
    kept = [idle(port) for _ in range(idle_count)]
    slow = [Slow(port, path if n % 2 else "") for n in range(slow_count)]
    print(len(kept) + len(slow), flush=True)
    ended, at = selectors.DefaultSelector(), 0
    ended.register(sys.stdin, selectors.EVENT_READ)
    part = max(1, len(slow) // 100)
    while not ended.select(TICK_S / 100 if slow else None):
        for n in range(at, at + part if slow else at):
            slow[n % len(slow)].step()
        at += part


class Crowd:
    def __init__(self, place, heapd, idle_count, slow_count, path="-"):
        self.process = place.start(place.client_core, sys.executable, __file__, heapd.port, idle_count, slow_count, path,
                                   stdin=True)

    def __enter__(self):
        self.process.stdout.readline()
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()


# ---- rows ----

def resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def memory_rows(place):
    count = place.size(10_000, 1_000)
    with Heapd(place) as heapd:
        with Crowd(place, heapd, count // 10, 0):
            pass  # what the first connections bring with them once
        time.sleep(0.5)
        before = resident(heapd.worker)
        with Crowd(place, heapd, count, 0):
            time.sleep(1.5)
            each = (resident(heapd.worker) - before) / count
    return [Row("memory of an idle connection", f"{each:,.0f} B", "", None, f"at most {IDLE_BYTES_MAX} B",
                each <= IDLE_BYTES_MAX, note=f"growth of the resident size by {count:,} connections that have asked once")]


def large_list(heapd):
    items = [f"{n:04}{TEXT}" for n in range(ITEMS)]
    return f"/v1/objects/{heapd.ask('POST', '/v1/objects', {'items': items})['id']}"


def crowd_rows(place):
    """The crowd shares the core of wrk, so what it does to wrk is measured too: as the control, by a crowd at another heapd."""
    from edge_path import object_in
    idle_count, slow_count = place.size(10_000, 1_000), place.size(1_000, 100)
    with Heapd(place) as heapd, Heapd(place) as other:
        (path, _), large, large_of_other = object_in(heapd), large_list(heapd), large_list(other)
        ask = partial(wrk_p99_us, place, heapd.url + path, place.size(3, 1))

        def among(crowded, large):
            with Crowd(place, crowded, idle_count, slow_count, large):
                time.sleep(1)  # so many large answers at once are work for all; then they are only slow
                return ask(), resident(crowded.worker)
        rest, said, control = in_turn(place.size(5, 2), ask, partial(among, heapd, large), partial(among, other, large_of_other))
    alone, busy, elsewhere = median(rest), median(p99 for p99, _ in said), median(p99 for p99, _ in control)
    runs = ", ".join(f"{c:,.0f} / {r:,.0f} / {o:,.0f}" for (c, _), r, (o, _) in zip(said, rest, control))
    return [Row(f"p99 of GETs among {idle_count:,} idle and {slow_count:,} slow connections", f"{busy:,.0f} us",
                f"at rest {alone:,.0f} us", busy / alone, f"at most {TIMES_MAX} times", busy <= TIMES_MAX * alone,
                note=f"{CONNECTIONS} healthy connections; resident {max(rss for _, rss in said) / 2**20:.0f} MiB at most; the crowd "
                     f"has been there for a second, and shares the core of wrk. The control, which is no part of the bar: the "
                     f"crowd is at another heapd, and wrk sees {elsewhere:,.0f} us; "
                     f"{len(rest)} times, crowded / at rest / control {runs}",
                measured={"crowded": said, "rest": rest, "control": control})]


if __name__ == "__main__":
    be_crowd(*map(int, sys.argv[1:4]), sys.argv[4])

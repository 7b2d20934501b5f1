"""
edge_listeners.py - what those who listen to events cost those who write.

The writers send batches that make thousands of events a second: collections, and deaths of what has a weak name. What heapd's
CPU time for them is more than at rest, in turn, is the listeners'; they take that from writers who keep its core busy.

Run as a program it is the writers (`write PORT SECONDS`), or those who listen (`listen PORT COUNT TYPES`).
"""
import selectors
import socket
import sys
import time

from peers import Failed, Heapd, Row, in_turn, median

SHARE_MAX = 0.10
WRITERS = 4
OPS = 1000           # creates in a batch; two of them have weak names, and all die with it
READ_BYTES = 1 << 16


# ---- the writers ----

def batch(port):
    ops = [f'["new","N",{{"i":{n % 100},"j":"x"}}]' for n in range(OPS)] + ['["weak","w1","@1"]', '["weak","w2","@2"]']
    body = "".join(f"{op}\n" for op in ops)
    return f"POST /v1/batch?reply=summary HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def write(port, seconds):
    """Batches by all writers at once; how many were done."""
    ask, chooser, done = batch(port), selectors.DefaultSelector(), 0
    for _ in range(WRITERS):
        s = socket.create_connection(("127.0.0.1", port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.sendall(ask)
        chooser.register(s, selectors.EVENT_READ, bytearray())
    end = time.monotonic() + seconds
    while chooser.get_map():
        for key, _ in chooser.select():
            said = key.fileobj.recv(READ_BYTES)
            if not said:
                sys.exit("a writer was cut")
            key.data.extend(said)
            if b'"failed":0}' not in key.data:
                continue
            key.data.clear()
            done += 1
            if time.monotonic() < end:
                key.fileobj.sendall(ask)
            else:
                chooser.unregister(key.fileobj)
    return done


# ---- those who listen ----

def listen(port, count, types):
    chooser, buffer, heard = selectors.DefaultSelector(), bytearray(READ_BYTES), 0
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", port))
        s.sendall(f"GET /v1/events?types={types} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        s.setblocking(False)
        chooser.register(s, selectors.EVENT_READ)
    chooser.register(sys.stdin, selectors.EVENT_READ)
    print("all are there", flush=True)
    while True:
        for key, _ in chooser.select():
            if key.fileobj is sys.stdin:                        # closed: it is over
                return heard
            size = key.fileobj.recv_into(buffer)
            if size == 0:
                sys.exit("a listener was cut")
            heard += size


class Listeners:
    def __init__(self, place, heapd, count, types):
        self.process = place.start(place.client_core, sys.executable, __file__, "listen", heapd.port, count, types, stdin=True)

    def __enter__(self):
        self.process.stdout.readline()
        return self

    def __exit__(self, *error):
        said, _ = self.process.communicate()
        if self.process.returncode != 0 and not any(error):
            raise Failed(f"those who listen ended with {self.process.returncode}")
        self.heard = int(said or 0)


# ---- rows ----

def work(place, heapd, seconds):
    """What the writers got done: creates, heapd's CPU time, and how long it took."""
    cpu, began = heapd.cpu_seconds(), time.monotonic()
    batches = int(place.client(sys.executable, __file__, "write", heapd.port, seconds))
    return batches * OPS, heapd.cpu_seconds() - cpu, time.monotonic() - began


def among(place, heapd, count, types, seconds):
    with Listeners(place, heapd, count, types) as listeners:
        said = work(place, heapd, seconds)
    return *said, listeners.heard / said[2]


def rows(place):
    count, seconds = place.size(1000, 100), place.size(3, 1)
    with Heapd(place) as heapd:
        work(place, heapd, seconds)
        rest, quiet, busy = in_turn(place.size(7, 3), lambda: work(place, heapd, seconds),
                                    lambda: among(place, heapd, count, "alert", seconds),
                                    lambda: among(place, heapd, count, "gc,death", seconds))
    each = median(cpu / creates for creates, cpu, _ in rest)    # of a create, at rest
    return [row(count, what, said, each) for what, said in (("what does not happen", quiet), ("collections and deaths", busy))]


def row(count, what, runs, each):
    share = median((cpu - creates * each) / wall for creates, cpu, wall, _ in runs)
    heard = median(heard for *_, heard in runs) / count
    return Row(f"time of heapd's core that {count:,} listeners to {what} take", f"{share:.1%}", "", None, f"at most {SHARE_MAX:.0%}",
               share <= SHARE_MAX,
               note=f"what heapd's CPU time is over {each * 1e6:.3f} us a create, of the time that passed: so much do writers lose "
                    f"that keep it busy; {median(creates / wall for creates, _, wall, _ in runs):,.0f} creates a second in batches "
                    f"of {OPS:,}, each listener was told {heard / 1024:,.1f} KiB a second")


if __name__ == "__main__":
    if sys.argv[1] == "write":
        print(write(int(sys.argv[2]), float(sys.argv[3])))
    else:
        print(listen(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))

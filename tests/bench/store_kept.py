"""
store_kept.py - what is kept: how fast it is back after a start, how long it is, and what readers notice of its being folded.

The objects are records of three fields, a text of 17 bytes, an integer and a link, in chains of a thousand; Redis has as
many hashes with the same fields. Files have just been written when they are read, so both read them from memory.
"""
import http.client
import json
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from edge_batch import OPS
from peers import WAIT, Failed, Heapd, Redis, Row, in_turn, median
from rates import CONNECTIONS, DOCUMENT, wrk_p99_us
from store_rates import creates, directory, wait_for

RECOVERY_BAR = 500_000
DISK_BAR = 150
P99_TIMES, P99_US_MORE = 1.5, 2000
SENDERS = 8
PATIENCE = 600  # until all is folded


def objects(place):
    return place.size(1_000_000, 100_000)


# ---- heapd's data ----

def send(port, bodies):
    """Batches one after the other; that every op of each is done."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)) as c:
        for body in bodies:
            c.request("POST", "/v1/batch?reply=summary", body)
            said = json.loads(c.getresponse().read())
            if said.get("failed") != 0:
                raise Failed(f"a batch answers {said}")


def send_all(heapd, bodies):
    with ThreadPoolExecutor(SENDERS) as pool:
        for _ in pool.map(lambda n: send(heapd.port, bodies[n::SENDERS]), range(SENDERS)):
            pass


def fill(place, heapd):
    """By one sender, so that the slot of what is linked to is lower."""
    text = creates()
    wait_for(heapd, Heapd.is_ready)
    send(heapd.port, (f'{text}["root","chain{n}","@{OPS - 1}"]\n' for n in range(objects(place) // OPS)))


def sql(data, query):
    with closing(sqlite3.connect(Path(data) / "heap.db", timeout=WAIT)) as db:
        return db.execute(query).fetchall()


def is_folded(data):
    return sql(data, "SELECT EXISTS (SELECT 1 FROM log)") == [(0,)]


def wait_folded(data):
    """All is in the tables, and the WAL is empty again."""
    end, wal = time.monotonic() + PATIENCE, Path(data) / "heap.db-wal"
    while not is_folded(data) or wal.stat().st_size > 0:
        if time.monotonic() > end:
            raise Failed("heapd does not fold what it was given")
        time.sleep(0.3)


def disk_bytes(data):
    return sum(f.stat().st_blocks * 512 for f in Path(data).rglob("*") if f.is_file())


# ---- a store that was not folded ----

LOG_ROW = 1000  # lines
POOL_SHIFT = 10  # of a slot: what is above is the number of its pool


def lines(db):
    """What the tables say, as the changes that it came from: links lead to what is in the lines before."""
    pools, pool = {number: rest for number, *rest in db.execute("SELECT number, cell_words, turn_base FROM pools")}, 0
    for id, slot, name, value in db.execute("SELECT id, slot, class, value FROM objects ORDER BY slot"):
        if slot >> POOL_SHIFT != pool:
            pool = slot >> POOL_SHIFT
            yield '["pool",%d,%d,%d]\n' % (pool, *pools[pool])
        yield f'["new",{id},"{name}","",{value}]\n'
    for name, id in db.execute("SELECT name, id FROM roots"):
        yield f'["root","{name}",{id}]\n'


def unfold(data):
    """Everything is in the log again, as if nothing had been folded; the bytes of that."""
    with closing(sqlite3.connect(Path(data) / "heap.db")) as db, db:
        all_lines, meta = list(lines(db)), dict(db.execute("SELECT name, value FROM meta"))
        rows = [[meta["folded"], meta["pool_end"], meta["last_session"], "".join(all_lines[at:at + LOG_ROW])]
                for at in range(0, len(all_lines), LOG_ROW)]
        for table in ("objects", "pools", "roots"):
            db.execute(f"DELETE FROM {table}")
        db.executemany("INSERT INTO log (commit_number, pool_end, last_session, lines) VALUES (?, ?, ?, ?)", rows)
    return sum(len(row[-1]) for row in rows)


# ---- back after a start ----

def back(server, is_back, check):
    """Seconds from its start until it is ready, and its CPU time."""
    began = time.monotonic()
    with server() as started:
        wait_for(started, is_back)
        said = {"seconds": time.monotonic() - began, "cpu_s": started.cpu_seconds()}
        check(started)
    return said


def heapd_back(place, data):
    def there(heapd):
        if (count := heapd.ask("GET", "/v1/heap")["objects"]) != objects(place):
            raise Failed(f"{count} objects are back")
    return back(partial(Heapd, place, "--data", data), Heapd.is_ready, there)


def redis_back(place, data):
    def there(redis):
        if (count := redis.say("DBSIZE")) != f":{objects(place)}":
            raise Failed(f"redis has {count} keys back")
    return back(partial(Redis, place, data), lambda redis: redis.say("PING") == "+PONG", there)


def hset(number):
    words = ["HSET", f"node:{number:012}", "name", f"node:{number:012}", "val", "42", "next", f"node:{max(number - 1, 0):012}"]
    return f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)


def fill_redis(place, redis):
    """A thousand at a time, answers read."""
    with socket.create_connection(("127.0.0.1", redis.port), WAIT) as s:
        for first in range(0, objects(place), OPS):
            s.sendall("".join(hset(n) for n in range(first, first + OPS)).encode())
            answers = b""
            while answers.count(b"\r\n") < OPS:
                answers += s.recv(65536)


def rewrite(redis):
    """Redis' own folding: the AOF becomes an RDB."""
    redis.say("BGREWRITEAOF")
    with socket.create_connection(("127.0.0.1", redis.port), WAIT) as s:
        said, end = b"", time.monotonic() + PATIENCE
        while b"aof_rewrite_in_progress:0" not in said or b"aof_rewrite_scheduled:0" not in said:
            if time.monotonic() > end:
                raise Failed("redis does not rewrite its AOF")
            time.sleep(0.2)
            s.sendall(b"INFO persistence\r\n")
            said = s.recv(65536)


def recovery_row(place, what, beside, bar, ours, theirs, note):
    seconds, cpu = ([[said[name] for said in side] for side in (ours, theirs)] for name in ("seconds", "cpu_s"))
    rate, their_rate = (objects(place) / median(side) for side in seconds)
    each = [", ".join(f"{s:.2f}" for s in side) for side in seconds]
    return Row(what, f"{rate / 1e3:,.0f} k objects/s", f"{beside} {their_rate / 1e3:,.0f} k/s", rate / their_rate,
               f"at least {bar / 1e3:,.0f} k/s" if bar else "", rate >= bar if bar else None,
               note=f"{objects(place):,} of them, from the start of the process until it is ready: heapd {each[0]} s, Redis {each[1]} "
                    f"s; CPU {median(cpu[0]):.2f} and {median(cpu[1]):.2f} s; {note}", measured={"heapd": ours, "redis": theirs})


def recovery_rows(place):
    data, redis_data, pairs = directory(place), directory(place), place.size(5, 2)
    with Heapd(place, "--data", data) as heapd, Redis(place, redis_data) as redis:
        fill(place, heapd)
        fill_redis(place, redis)
        wait_folded(data)

    def from_log():
        waiting.append(unfold(data))
        return heapd_back(place, data)
    waiting = []
    aof = in_turn(pairs, partial(redis_back, place, redis_data))[0]
    with Redis(place, redis_data) as redis:
        rewrite(redis)
    folded = in_turn(pairs, partial(heapd_back, place, data), partial(redis_back, place, redis_data))
    return [recovery_row(place, "back after a start, from a store that is folded", "Redis from its RDB", RECOVERY_BAR, *folded,
                         "read from memory, having just been written"),
            recovery_row(place, "  the same from the log", "Redis from its AOF", None, [from_log()], aof,
                         f"{waiting[0] / 1e6:,.0f} MB of log, nothing folded")]


# ---- how long it is ----

def disk_rows(place):
    data, redis_data = directory(place), directory(place)
    with Heapd(place, "--data", data) as heapd, Redis(place, redis_data) as redis:
        fill(place, heapd)
        fill_redis(place, redis)
        wait_folded(data)
        rewrite(redis)
        ours, theirs = (disk_bytes(folder) / objects(place) for folder in (data, redis_data))
    return [Row("bytes on disk of a record of three fields, all folded", f"{ours:.0f} bytes", f"Redis' RDB {theirs:.0f} bytes",
                ours / theirs, f"at most {DISK_BAR}", ours <= DISK_BAR, note=f"{objects(place):,} of them, all blocks of all files",
                measured={"heapd": ours, "redis": theirs})]


# ---- readers meanwhile ----

def changes(data):
    """Batches that change a field of every object."""
    ids = [row[0] for row in sql(data, "SELECT id FROM objects ORDER BY slot")]
    ops = [f'["set",{id},"val",{id % 1000}]\n' for id in ids]
    return ["".join(ops[at:at + OPS]) for at in range(0, len(ops), OPS)]


def fold_p99(place, heapd, data, path, bodies):
    """That of each second from when all is changed until all is folded."""
    send_all(heapd, bodies)
    said = []
    while not is_folded(data):
        said.append(wrk_p99_us(place, heapd.url + path, 1))
    return said


def folding_rows(place):
    data, pairs = directory(place), place.size(5, 2)
    with Heapd(place, "--data", data) as heapd:
        fill(place, heapd)
        path = f"/v1/objects/{heapd.ask('POST', '/v1/objects', DOCUMENT)['id']}"
        wait_folded(data)
        bodies = changes(data)

        def rest():
            wait_folded(data)
            return wrk_p99_us(place, heapd.url + path, place.size(3, 1))
        at_rest, folding = in_turn(pairs, rest, partial(fold_p99, place, heapd, data, path, bodies))
    seconds = [us for said in folding for us in said]
    if not seconds:
        raise Failed("all was folded before a GET could be sent")
    rest_us, fold_us = median(at_rest), median(seconds)
    most = P99_TIMES * rest_us + P99_US_MORE
    return [Row(f"p99 of GETs while {len(bodies) * OPS / 1e6:g} M changed objects are folded", f"{fold_us / 1e3:.2f} ms",
                f"at rest {rest_us / 1e3:.2f} ms", fold_us / rest_us, f"at most {most / 1e3:.2f} ms", fold_us <= most,
                note=f"{CONNECTIONS} connections; one field of each object changed, on the core of the loop; seconds of folding "
                     f"{', '.join(f'{us / 1e3:.2f}' for us in seconds)}; at rest {', '.join(f'{us / 1e3:.2f}' for us in at_rest)}",
                measured={"rest": at_rest, "folding": folding})]

"""A retry gets the first answer after a restart too, killed or not: what was done and what was answered are there, or neither."""
import json
import sqlite3
import time
import unittest
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path

from heapd_test import eventually
from store_test import PreloadedTest, StoreTest, run_heapd

RAW = {"Content-Type": "application/octet-stream"}
DAY = 86400


def keyed(key, **more):
    return {"Idempotency-Key": key, **more}


def ops(*lines):
    return "".join(json.dumps(line) + "\n" for line in lines)


class AnswersTest(StoreTest):
    def post(self, key, path="/v1/objects", body=None, client=None, **headers):
        return (client or self.c).post(path, {"class": "K"} if body is None else body, keyed(key, **headers))

    def first(self, *args, **more):
        answer = self.post(*args, **more)
        self.assertNotIn("idempotent-replayed", answer.headers, answer.raw)
        return answer

    def same(self, first, *args, **more):
        answer = self.post(*args, **more)
        self.assertEqual(answer.headers.get("idempotent-replayed"), "true", answer.raw)
        for name in ("location", "etag", "content-type", "heapd-durable"):
            self.assertEqual(answer.headers.get(name), first.headers.get(name), name)
        self.assertEqual((answer.status, answer.raw), (first.status, first.raw))

    def metric(self, name):
        lines = self.c.get("/metrics").raw.decode().splitlines()
        return next(int(line.split()[-1]) for line in lines if line.startswith(f"heapd_idempotency_{name} "))

    def new_one(self, *args, **more):
        self.ok(self.first(*args, **more), 201)


class Survives(AnswersTest):
    def test_answers_of_every_kind(self):
        into = self.new(items=[], root="list")
        asked = [("/v1/objects", {"class": "A", "fields": {"t": "\"\\\n日本"}, "root": "a"}, {}), ("/v1/objects?class=Blob", b"\0\1", RAW),
                 (f"/v1/objects/{into}/items", [1], {}), ("/v1/sessions", {"label": "w", "ttl": 600}, {}),
                 ("/v1/gc/collect", {"generation": 2}, {}), ("/v1/objects", {"class": 7}, {}), ("/v1/objects?x=%FF", {"class": "\u2028"}, {}),
                 ("/v1/objects/4711/items", [1], {}), ("/v1/batch?atomic=true", ops(["new", "B"], ["root", "b", "@0"]), {}),
                 ("/v1/batch?atomic=true", ops(["new", "B"], ["is", into, 0, 9]), {}),
                 ("/v1/batch?reply=summary", ops(*[["push", into, n] for n in range(2000)]), {}),
                 ("/v1/batch?reply=summary", ops(["push", into, 0], ["push", 4711, 0]), {})]
        answers = [self.first(f"k{n}", path, body, **headers) for n, (path, body, headers) in enumerate(asked)]
        count = self.heap()["objects"]
        for ends in (self.kill, self.fold, self.kill, self.stop):
            ends()
            if ends != self.fold:
                self.start()
            for n, (path, body, headers) in enumerate(asked):
                self.same(answers[n], f"k{n}", path, body, **headers)
            self.assertEqual(self.heap()["objects"], count)
        self.assertEqual(len(self.pages(f"/v1/objects/{into}/items", limit=1000)), 2002)
        self.assertIn("needs a new key", self.problem(self.post("k0", body={"class": "other"}), 422, "bad-value")["detail"])
        self.assertEqual(self.ok(self.c.post("/v1/heap/validate"))["broken"], [])

    def test_of_a_long_answer_that_there_was_one(self):
        first = self.ok(self.first("long", body={"class": "A", "fields": {"t": "x" * 5000}}), 201)
        self.again()
        answer = self.post("long", body={"class": "A", "fields": {"t": "x" * 5000}})
        self.problem(answer, 409, "answer-not-kept")
        self.assertEqual(answer.headers["location"], f"/v1/objects/{first['id']}")

    def test_a_key_still_belongs_to_its_session(self):
        doc, other = self.session(ttl=600)
        mine, theirs = self.first("same"), self.first("same", client=other)
        self.assertNotEqual(mine.json["id"], theirs.json["id"])
        self.again()
        other = self.client(doc["token"])
        self.same(mine, "same")
        self.same(theirs, "same", client=other)
        _, third = self.session(ttl=600)
        self.new_one("same", client=third)

    def test_a_key_still_belongs_to_its_people(self):
        tokens = Path(self.place.name) / "tokens"
        tokens.write_text("ann write 0123456789abcdef-ann\nbob write 0123456789abcdef-bob\nroot admin 0123456789abcdef-root\n")
        tokens.chmod(0o600)
        self.stop()
        self.options = ("--token-file", str(tokens))
        self.start()
        ann, bob = (self.client(Authorization=f"Bearer 0123456789abcdef-{who}") for who in ("ann", "bob"))
        first = self.first("same", client=ann)
        self.kill()
        self.start()
        ann, bob = (self.client(Authorization=f"Bearer 0123456789abcdef-{who}") for who in ("ann", "bob"))
        self.same(first, "same", client=ann)
        self.new_one("same", client=bob)
        self.stop()
        self.options = ()
        self.start()

    def test_a_batch_that_is_killed_at_work_is_as_one_that_was_cut_off(self):
        """Its retry is told how many of its ops are done, and so many are."""
        into = self.new(items=[], root="list")
        lines = [json.dumps(["push", into, n]).encode() + b"\n" for n in range(3000)]
        w = self.wire()
        w.send(f"POST /v1/batch?reply=summary HTTP/1.1\r\nHost: {self.daemon.host}:{self.daemon.port}\r\nIdempotency-Key: cut\r\n"
               "Transfer-Encoding: chunked\r\n\r\n")
        for n in range(0, 2500, 50):
            piece = b"".join(lines[n:n + 50])
            w.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.assertTrue(eventually(lambda: len(self.pages(f"/v1/objects/{into}/items", limit=1000)) >= 1000))
        self.problem(self.post("cut", "/v1/batch?reply=summary", b"".join(lines)), 409, "busy")
        self.kill()
        self.start()
        there = len(self.pages(f"/v1/objects/{into}/items", limit=1000))
        self.assertGreaterEqual(there, 1000)
        said = self.post("cut", "/v1/batch?reply=summary", b"".join(lines))
        told = json.loads(said.raw)
        self.assertEqual(said.headers.get("idempotent-replayed"), "true", said.raw)
        self.assertEqual((told["done"], told["failed"], told["line"]), (there, 1, there))
        self.assertIn("cut off", told["problem"]["detail"])
        self.assertEqual(len(self.pages(f"/v1/objects/{into}/items", limit=1000)), there)
        self.validate_clean()

    def test_a_backup_has_them(self):
        first, backup = self.first("k", body={"class": "K", "root": "r"}), Path(self.place.name) / "backup"
        backup.write_bytes(self.c.get("/v1/backup").raw)
        self.first("later", body={"class": "K", "root": "later"})
        instance = first.headers["heapd-instance"]
        self.stop()
        self.data = self.data.with_name("restored")
        said = run_heapd("--restore", str(backup), str(self.data))
        self.assertIn("1 answers: well", said.stdout)
        self.start()
        self.same(first, "k", body={"class": "K", "root": "r"})
        self.assertNotEqual(self.c.get("/v1/roots").headers["heapd-instance"], instance)
        self.new_one("later", body={"class": "K", "root": "later"})


class Limits(AnswersTest):
    def config(self, **settings):
        self.ok(self.c.patch("/v1/config?persist=true", settings))

    def kept(self):
        self.fold()
        return self.sql("SELECT count(*) FROM answers")[0][0]

    def test_only_so_many(self):
        self.config(idempotency_keys_max=100)
        answers = [self.first(f"k{n}", body={"class": "K", "root": f"r{n}"}) for n in range(300)]
        self.assertLess(self.kept(), 100 + 64)
        self.again()
        self.assertTrue(eventually(lambda: self.kept() <= 100))
        for n in (200, 250, 299):
            self.same(answers[n], f"k{n}", body={"class": "K", "root": f"r{n}"})
        self.new_one("k10", body={"class": "K"})

    def test_only_for_so_long(self):
        self.first("old")
        self.config(idempotency_keep_ms=300)
        self.assertTrue(eventually(lambda: self.kept() == 0))
        self.again()
        self.new_one("old")

    def test_a_limit_that_was_kept_is_the_one_that_counts(self):
        """More than the default says may come back: what counts is known only when all of it is there."""
        self.config(idempotency_keys_max=200000)
        self.first("k")
        self.fold()
        self.stop()
        with closing(sqlite3.connect(self.data / "heap.db")) as db, db:
            db.executemany("INSERT INTO answers SELECT ?1, printf('%064x', ?1), since_ms, answer FROM answers WHERE number = 1",
                           ((n,) for n in range(2, 120001)))
        self.start()
        self.assertEqual(self.metric("keys"), 120000)
        self.config(idempotency_keys_max=1000)
        self.assertTrue(eventually(lambda: self.metric("keys") == 1000))
        self.assertTrue(eventually(lambda: self.kept() == 1000))


class Older(AnswersTest):
    """Stores of earlier versions are brought up to date, and looked at as they are."""

    def of_version(self, version, *tables):
        was = self.everything()
        self.fold()
        self.stop()
        with closing(sqlite3.connect(self.data / "heap.db")) as db, db:
            for table in tables:
                db.execute(f"DROP TABLE {table}")
            db.execute(f"PRAGMA user_version = {version}")
        self.assertIn(": well\n", run_heapd("--check", str(self.data)).stdout)
        self.assertEqual(self.sql("PRAGMA user_version"), [(version,)])
        self.start()
        self.assert_same(was)
        first = self.first("k")
        self.again()
        self.same(first, "k")
        self.assertEqual(self.sql("PRAGMA user_version"), [(3,)])

    def fill(self):
        self.root("r", self.new({"a": [1, 2]}))
        self.ok(self.c.patch("/v1/config?persist=true", {"pipeline_max": 7}))

    def test_version_2(self):
        self.fill()
        self.of_version(2, "answers")
        self.assertEqual(self.ok(self.c.get("/v1/config"))["pipeline_max"], 7)

    def test_version_1(self):
        self.fill()
        self.of_version(1, "answers", "settings")


class Clock(PreloadedTest, AnswersTest):
    """Somebody sets the clock on the wall, while heapd runs and while it does not."""
    preloaded = "shifted_clock.c"

    def start(self, *options):
        self.clock = Path(self.place.name) / "clock"
        self.preload_env = {"HEAPD_TEST_CLOCK": str(self.clock)}
        super().start(*options)

    def set_clock(self, seconds):
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.rename(self.clock)

    def shown_shift(self):
        """What heapd believes, for this test to test something."""
        return parsedate_to_datetime(self.c.get("/livez").headers["date"]).timestamp() - time.time()

    def restart_at(self, seconds):
        self.kill()
        self.set_clock(seconds)
        self.start()
        self.assertAlmostEqual(self.shown_shift(), seconds, delta=30)

    def test_leases_know_nothing_of_it(self):
        doc, _ = self.session(ttl=3600)
        short, _ = self.session(ttl=1)
        for shift in (10 * DAY, -10 * DAY, 50 * 365 * DAY, 0, -DAY):
            self.set_clock(shift)
            self.assertAlmostEqual(self.shown_shift(), shift, delta=30)
            left = self.ok(self.c.get(f"/v1/sessions/{doc['id']}"))["expires_in"]
            self.assertTrue(3000 < left <= 3600, left)
        self.assertTrue(eventually(lambda: self.c.get(f"/v1/sessions/{short['id']}").status == 404))
        for shift in (10 * DAY, -10 * DAY, 50 * 365 * DAY, -100 * 365 * DAY):
            self.restart_at(shift)
            left = self.ok(self.c.get(f"/v1/sessions/{doc['id']}"))["expires_in"]
            self.assertTrue(3000 < left <= 3600, left)
            self.validate_clean()

    def test_nothing_is_lost_whatever_time_it_is(self):
        for n, shift in enumerate((0, 400 * DAY, -400 * DAY, -100 * 365 * DAY, 8000 * DAY, 0)):
            self.restart_at(shift)
            self.root(f"r{n}", self.new({"n": n}))
            self.ok(self.first(f"k{n}"), 201)
            self.set_clock(-shift)
            self.root(f"s{n}", self.new({"n": n}))
            self.ok(self.first(f"l{n}"), 201)
            was = self.everything()
            self.again()
            self.assert_same(was)
            self.fold()
            self.again(well=True)
            self.assert_same(was)
        self.assertEqual(len(self.pages("/v1/roots")), 12)

    def test_while_it_runs_answers_are_as_old_as_they_are(self):
        first = self.first("k")
        for shift in (1000 * DAY, -1000 * DAY, 0):
            self.set_clock(shift)
            self.same(first, "k")
            self.first(f"other{shift}")

    def test_a_clock_that_has_jumped_ahead_ends_them(self):
        first = self.first("k")
        self.restart_at(DAY - 3600)
        self.same(first, "k")
        self.restart_at(DAY + 60)
        self.assertTrue(eventually(lambda: self.metric("keys") == 0))
        self.new_one("k")
        self.fold()
        self.assertEqual(self.sql("SELECT count(*) FROM answers"), [(1,)])

    def test_a_clock_that_was_ahead_does_not_keep_them_for_ever(self):
        self.restart_at(1000 * DAY)
        first = self.first("k")
        self.fold()
        self.restart_at(0)               # it seems to be of the future: it is of now
        self.same(first, "k")
        self.restart_at(DAY - 3600)
        self.same(first, "k")
        self.restart_at(DAY + 60)
        self.assertTrue(eventually(lambda: self.metric("keys") == 0))
        self.new_one("k")

    def test_the_same_before_it_is_in_the_tables(self):
        self.restart_at(1000 * DAY)
        first = self.first("k")
        for _ in range(2):
            self.restart_at(0)
            self.same(first, "k")
        self.fold()
        self.restart_at(0)
        self.restart_at(DAY + 60)
        self.assertTrue(eventually(lambda: self.metric("keys") == 0))


if __name__ == "__main__":
    unittest.main()

"""PATCH ?persist=true: settings that survive, whose word counts most, and data that an older heapd left."""
import sqlite3
import unittest
from contextlib import closing
from pathlib import Path

from heapd_test import HeapdTest
from store_test import StoreTest, run_heapd

# As heapd made it when PRAGMA user_version was 1.
VERSION_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE log (number INTEGER PRIMARY KEY, commit_number INTEGER NOT NULL, pool_end INTEGER NOT NULL,
  last_session INTEGER NOT NULL, lines TEXT NOT NULL);
CREATE TABLE pools (number INTEGER PRIMARY KEY, cell_words INTEGER NOT NULL, turn_base INTEGER NOT NULL, turn_end INTEGER NOT NULL);
CREATE TABLE objects (slot INTEGER PRIMARY KEY, turn INTEGER NOT NULL, class TEXT NOT NULL, site TEXT, value TEXT NOT NULL,
  id INTEGER GENERATED ALWAYS AS (turn << 29 | slot) VIRTUAL);
CREATE TABLE blocks (slot INTEGER NOT NULL, number INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (slot, number)) WITHOUT ROWID;
CREATE TABLE bytes (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE roots (name TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE weak (name TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (number INTEGER PRIMARY KEY, ttl REAL NOT NULL, label TEXT NOT NULL, token TEXT NOT NULL);
CREATE TABLE holds (session INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (session, id)) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


class PersistTest(StoreTest):
    def persist(self, path, **patch):
        said = self.c.patch(f"{path}?persist=true", patch)
        self.assertEqual(said.headers.get("heapd-durable"), "1")
        return self.ok(said)

    def config(self, name):
        return self.ok(self.c.get("/v1/config"))[name]


class Survives(PersistTest):
    def each_way(self, claim):
        """Killed at once, killed when folded, and stopped well."""
        claim()
        self.again()
        claim()
        self.fold()
        self.again()
        claim()
        self.again(well=True)
        claim()

    def test_settings(self):
        self.persist("/v1/config", pipeline_max=7, idle_timeout_ms=1234)
        said = self.c.patch("/v1/config?persist=true", {"durability": "interval:50"})
        self.assertEqual((said.headers["heapd-durable"], self.ok(said)["durability"]), ("0", "interval:50"))
        self.again(well=True)
        self.assertEqual(self.config("durability"), "interval:50")
        self.assertEqual(self.c.post("/v1/objects", {"class": "A"}).headers["heapd-durable"], "0")
        self.ok(self.c.patch("/v1/config?persist=true", {"durability": "commit"}))

        def claim():
            self.assertEqual([self.config(n) for n in ("pipeline_max", "idle_timeout_ms", "durability")], [7, 1234, "commit"])
        self.each_way(claim)

    def test_limits_are_in_force(self):
        self.persist("/v1/config", sessions_max=1)
        self.again()
        self.session()
        self.problem(self.c.post("/v1/sessions", {}), 429)

    def test_the_collector(self):
        wanted = dict(enabled=False, thresholds=[700, 11, 12], debug=["saveall"], pause_budget_us=321, full_bytes_pct=50, full_age_s=0)
        self.persist("/v1/gc", **wanted)

        def claim():
            self.assertEqual({k: self.gc()[k] for k in wanted}, wanted)
        self.each_way(claim)

    def test_thresholds_that_were_left_out_stay_what_they_were(self):
        self.gc(thresholds=[900, 5])
        self.persist("/v1/gc", thresholds=[800])
        self.again()
        self.assertEqual(self.gc()["thresholds"], [800, 5, 10])

    def test_not_what_was_not_to(self):
        self.ok(self.c.patch("/v1/config", {"pipeline_max": 9}))
        self.ok(self.c.patch("/v1/config?persist=false", {"turn_requests_max": 9}))
        self.gc(enabled=False)
        self.again(well=True)
        self.assertEqual((self.config("pipeline_max"), self.config("turn_requests_max"), self.gc()["enabled"]), (64, 64, True))

    def test_null_ends_it(self):
        self.persist("/v1/config", pipeline_max=7, turn_requests_max=8)
        self.fold()
        self.assertEqual(self.persist("/v1/config", pipeline_max=None)["pipeline_max"], 64)
        self.again()
        self.assertEqual((self.config("pipeline_max"), self.config("turn_requests_max")), (64, 8))
        self.fold()
        self.assertEqual(self.sql("SELECT name, value FROM settings"), [("turn_requests_max", "8")])

    def test_what_was_refused_keeps_nothing(self):
        self.problem(self.c.patch("/v1/config?persist=true", {"pipeline_max": 7, "idle_timeout_ms": -1}), 422)
        self.problem(self.c.patch("/v1/gc?persist=true", {"enabled": False, "no_such": 1}), 422)
        self.again()
        self.assertEqual((self.config("pipeline_max"), self.gc()["enabled"]), (64, True))
        self.fold()
        self.assertEqual(self.sql("SELECT * FROM settings"), [])

    def test_what_cannot_be_any_more_is_left_out(self):
        self.persist("/v1/config", pipeline_max=7)
        self.fold()
        self.stop()
        for name, value in (("of_another_age", "1"), ("turn_requests_max", "-5"), ("gc.of_old", "1"), ("gc.thresholds", "[]")):
            self.sql_write("INSERT INTO settings VALUES (?, ?)", name, value)
        checked = run_heapd("--check", str(self.data))
        self.assertEqual(checked.returncode, 0)
        self.assertEqual(checked.stderr.count("a setting that was kept will be left out"), 4)
        self.start()
        self.assertEqual((self.config("pipeline_max"), self.config("turn_requests_max")), (7, 64))
        self.stop()
        for named in ("of_another_age", "turn_requests_max is an integer", "gc.of_old", "thresholds is an array"):
            self.assertIn(named, self.daemon.last_words)
        self.start()


class WhoseWordCounts(PersistTest):
    def test_over_the_file_what_was_kept_and_over_both_the_command_line(self):
        file = Path(self.place.name) / "config"
        file.write_text("pipeline_max = 5\nturn_requests_max = 6\nmemory_bytes_max = 1000000000\n")
        self.again("--config", str(file))
        self.assertEqual(self.config("pipeline_max"), 5)
        self.persist("/v1/config", pipeline_max=7, memory_bytes_max=2_000_000_000)
        self.again("--config", str(file))
        self.assertEqual([self.config(n) for n in ("pipeline_max", "turn_requests_max", "memory_bytes_max")], [7, 6, 2_000_000_000])
        self.again("--config", str(file), "--max-memory", "512M")
        self.assertEqual([self.config(n) for n in ("pipeline_max", "memory_bytes_max")], [7, 512 << 20])
        self.persist("/v1/config", pipeline_max=None)
        self.again("--config", str(file))
        self.assertEqual(self.config("pipeline_max"), 5)


class WithoutData(HeapdTest):
    def test_it_is_refused_with_a_sentence(self):
        for path, patch in (("/v1/config", {"pipeline_max": 7}), ("/v1/gc", {"enabled": False})):
            doc = self.problem(self.c.patch(f"{path}?persist=true", patch), 501)
            self.assertIn("--data", doc["detail"])
        self.assertTrue(self.gc()["enabled"])
        self.assertEqual(self.ok(self.c.get("/v1/config"))["pipeline_max"], 64)


class AnOlderOne(StoreTest):
    def begin(self):
        super().begin()
        self.stop()
        self.data = self.data.with_name("older")
        self.data.mkdir()
        with closing(sqlite3.connect(self.data / "heap.db")) as db, db:
            db.executescript(VERSION_1)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("INSERT INTO meta VALUES ('instance', 'ofold'), ('folded', 1), ('pool_end', 3), ('last_session', 3)")
            db.execute("INSERT INTO pools VALUES (2, 3, 0, 1)")
            db.execute("INSERT INTO objects (slot, turn, class, value) VALUES (2048, 0, 'Old', '{\"n\":1}')")
            db.execute("INSERT INTO roots VALUES ('old', 2048)")
            db.execute("INSERT INTO log VALUES (1, 2, 3, 3, '[\"set\",2048,\"n\",2]\n')")

    def version(self):
        return self.sql("PRAGMA user_version")[0][0]

    def test_is_brought_up_to_date_when_it_is_opened(self):
        self.start()
        self.assertEqual(self.doc(2048)["fields"], {"n": 2})
        self.assertEqual(self.c.get("/v1/roots").headers["heapd-instance"], "ofold")
        self.assertGreaterEqual(self.version(), 2)
        self.ok(self.c.patch("/v1/config?persist=true", {"pipeline_max": 7}))
        self.again()
        self.assertEqual(self.ok(self.c.get("/v1/config"))["pipeline_max"], 7)
        self.assertEqual(self.doc(2048)["fields"], {"n": 2})

    def test_stays_what_it_is_when_it_is_only_looked_at(self):
        said = run_heapd("--check", str(self.data))
        self.assertEqual(said.returncode, 0, said)
        self.assertIn("1 objects, 1 roots", said.stdout)
        self.assertEqual(self.version(), 1)
        self.start()

    def test_comes_to_the_tables_that_a_new_one_makes(self):
        self.start()
        schema = "SELECT name, sql FROM sqlite_master ORDER BY name"
        older = self.sql(schema)
        self.stop()
        self.data = self.data.with_name("data")
        self.start()
        self.assertEqual([n for n, _ in self.sql(schema)], [n for n, _ in older])
        self.assertEqual(self.sql("PRAGMA table_xinfo(settings)"), [
            (0, "name", "TEXT", 1, None, 1, 0), (1, "value", "TEXT", 1, None, 0, 0)])


if __name__ == "__main__":
    unittest.main()

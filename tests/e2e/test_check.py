"""heapd --check DIR: what is well is called so and left as it is; what is broken is said in a sentence, and status 1."""
import os
import re
import unittest

from heapd_test import eventually
from store_test import StoreTest, run_heapd


class CheckTest(StoreTest):
    def check(self, status, *sentences):
        """Looks at the store: its status and what it says, on stderr what is broken."""
        said = run_heapd("--check", str(self.data))
        self.assertEqual(said.returncode, status, said)
        for sentence in sentences:
            self.assertRegex(said.stdout + said.stderr, sentence)
        return said

    def fill(self):
        """Some of everything there is."""
        self.root("list", self.new(items=list(range(3000))))
        self.root("record", self.new({f"f{n}": [n] for n in range(20)}))
        self.ok(self.c.post("/v1/objects?root=bytes", os.urandom(9000), {"Content-Type": "application/octet-stream"}), 201)
        self.ok(self.c.put("/v1/weak/w", {"$ref": self.new()}), 200, 201)
        _, self.other = self.session(ttl=600)
        self.new(client=self.other)
        self.ok(self.c.post("/v1/objects", {"class": "K", "root": "keyed"}, {"Idempotency-Key": "k"}), 201)

    def files(self):
        return {f.name: (f.stat().st_mtime_ns, f.read_bytes()) for f in self.data.iterdir() if f.name in ("heap.db", "heap.db-wal")}


class Well(CheckTest):
    def well(self):
        was = self.files()
        said = self.check(0, ": well\n")
        self.assertEqual(self.files().items() & was.items(), was.items())
        self.assertEqual(set(self.files()), set(was), "it made a file, or removed one")
        return [int(n) for n in re.findall(r"\d+", said.stdout[len(str(self.data)):])]

    def test_all_of_it_whether_folded_or_not(self):
        self.fill()
        was, count = self.everything(), self.heap()["objects"]
        counts = [count, 4, 1, 2, 1]
        self.kill()
        self.assertGreater((self.data / "heap.db-wal").stat().st_size, 0)
        self.assertEqual(self.well(), counts)
        self.start()
        self.fold()
        self.assertTrue(eventually(lambda: (self.data / "heap.db-wal").stat().st_size == 0))
        self.kill()
        self.assertEqual(self.well(), counts)
        self.start()
        self.stop()
        self.assertEqual(self.well(), counts)
        self.start()
        self.assert_same(was)

    def test_it_does_not_become_another_instance(self):
        instance = self.c.get("/v1/roots").headers["heapd-instance"]
        self.ok(self.c.patch("/v1/config", {"durability": "off"}))
        self.root("r", self.new())
        self.stop()
        self.well()
        self.start()
        self.assertEqual(self.c.get("/v1/roots").headers["heapd-instance"], instance)

    def test_a_store_in_which_nothing_is(self):
        self.kill()
        self.assertEqual(self.well(), [0, 0, 0, 1, 0])
        self.start()


class Refused(CheckTest):
    def test_while_a_heapd_runs_on_it(self):
        self.root("r", self.new())
        self.check(1, "in use by another heapd: stop that one first")
        self.assertEqual(self.c.get("/v1/roots/r").status, 200)

    def test_where_there_is_no_store(self):
        here, self.data = self.data, self.data / "nowhere"
        self.check(1, "there is no store in .*nowhere.*No such file")
        self.assertFalse(self.data.exists())
        self.data.mkdir()
        self.check(1, "there is no store in")
        self.assertEqual(list(self.data.iterdir()), [])
        self.data = here

    def test_what_is_no_database(self):
        here, self.data = self.data, self.data / "other"
        self.data.mkdir()
        (self.data / "heap.db").write_bytes(b"this is a letter to my aunt\n" * 999)
        self.check(1, "not a database")
        (self.data / "heap.db").write_bytes(b"")
        self.check(1, "the database is empty")
        self.assertEqual((self.data / "heap.db").read_bytes(), b"")
        self.data = here

    def test_what_a_newer_one_wrote(self):
        self.kill()
        version = self.sql("PRAGMA user_version")[0][0]
        self.sql("PRAGMA user_version = 99")
        self.check(1, "written by a newer one")
        self.sql(f"PRAGMA user_version = {version}")
        self.start()


class Broken(CheckTest):
    def broken(self, query, *sentences):
        self.fill()
        self.fold()
        self.stop()
        self.sql_write(query)
        self.check(1, r"broken: \d+ thing", *sentences)
        self.data = self.data.with_name("fresh")
        self.start()

    def test_contents_that_are_no_json(self):
        self.broken("UPDATE objects SET value = '{\"f0\":' WHERE length(value) > 9 AND substr(value, 1, 1) = '{'", "JSON")

    def test_a_link_to_nothing(self):
        self.broken("DELETE FROM objects WHERE value = '[7]'", r"object \d+ ")

    def test_a_root_of_nothing(self):
        self.broken("UPDATE roots SET id = 77 WHERE name = 'list'", "object 77 ")

    def test_a_hold_of_a_session_that_is_none(self):
        self.broken("DELETE FROM sessions", "session")

    def test_bytes_that_are_missing(self):
        self.broken("DELETE FROM bytes", r"the bytes of object \d+ are missing")

    def test_bytes_of_nobody(self):
        self.broken("INSERT INTO bytes VALUES (77, x'00')", "the bytes of 77 belong to no object")

    def test_blocks_of_nobody(self):
        self.broken("INSERT INTO blocks VALUES (99, 0, '[]'), (98, 0, '[]')", "blocks of slot 98 belong", "blocks of slot 99 belong",
                    "broken: 2 things")

    def test_an_answer_that_is_none(self):
        self.broken("UPDATE answers SET answer = replace(answer, '201', '20100')", "answer 1 is none")

    def test_a_name_of_no_key(self):
        self.broken("UPDATE answers SET name = substr(name, 2)", "answer 1 is none")

    def test_an_answer_that_leads_into_another_header(self):
        self.broken("UPDATE answers SET answer = json_set(answer, '$.location', '/x' || char(13, 10) || 'A: b')", "answer 1 is none")

    def test_a_change_that_is_none(self):
        self.broken("INSERT INTO log VALUES (99, 99, 99, 0, '[\"new\",1')", "this is no change")

    def test_a_setting_that_is_no_json(self):
        self.broken("INSERT INTO settings VALUES ('pipeline_max', '{')", "JSON")

    def test_a_page_that_has_rotted(self):
        self.fill()
        self.fold()
        page = self.sql("SELECT rootpage FROM sqlite_master WHERE name = 'objects'")[0][0]
        self.stop()
        with open(self.data / "heap.db", "r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xa5" * 3000)
        self.check(1, r"broken: \d+ thing", "(?i)tree|page|malformed")
        self.data = self.data.with_name("fresh")
        self.start()


if __name__ == "__main__":
    unittest.main()

"""A backup has all that was answered before it began, whole or not at all, and becomes a store again under another instance."""
import json
import os
import resource
import sqlite3
import subprocess
import tempfile
import threading
import unittest
from contextlib import closing
from pathlib import Path

from heapd_test import ROOT, STRESSED, WAIT, Client, HeapdTest, eventually
from store_test import StoreTest, run_heapd

HEAPCTL = os.environ.get("HEAPCTL_BIN") or str(ROOT / "build/client/heapctl")
RAW = {"Content-Type": "application/octet-stream"}


def heapctl(daemon, *words, **env):
    env = {"PATH": os.environ["PATH"], "HEAPD_URL": f"http://{daemon.host}:{daemon.port}", **env}
    return subprocess.run([HEAPCTL, *map(str, words)], capture_output=True, text=True, env=env, timeout=10 * WAIT)


class BackupTest(StoreTest):
    def begin(self):
        super().begin()
        self.file = Path(self.place.name) / "backup"

    def backup(self):
        """By the API, into self.file."""
        said = self.c.get("/v1/backup")
        self.ok(said)
        self.assertEqual(said.headers["content-type"], "application/vnd.sqlite3")
        self.assertEqual(int(said.headers["content-length"]), len(said.raw))
        self.file.write_bytes(said.raw)

    def restored(self, name="restored"):
        """Another heapd on what was backed up; the one before has ended."""
        self.data = self.data.with_name(name)
        said = run_heapd("--restore", str(self.file), str(self.data))
        self.assertEqual(said.returncode, 0, said)
        self.assertIn(": well\n", said.stdout)
        self.start()
        self.validate_clean()

    def make_large(self, megabytes):
        for n in range(megabytes // 4):
            self.ok(self.c.post(f"/v1/objects?root=large{n}", os.urandom(4 << 20), RAW), 201)

    def leftovers(self):
        return [f.name for f in self.data.iterdir() if f.name.startswith("backup")]

    def nothing_is_left(self):
        self.assertTrue(eventually(lambda: self.leftovers() == []), self.leftovers())
        self.assertTrue(eventually(lambda: self.open_copies() == 0))

    def open_copies(self):
        """Files without a name that the daemon still has open."""
        folder, count = f"/proc/{self.daemon.process.pid}/fd", 0
        for fd in os.listdir(folder):
            try:
                count += "backup.tmp" in os.readlink(f"{folder}/{fd}")
            except FileNotFoundError:
                pass
        return count


class Backup(BackupTest):
    def fill(self):
        a, b = self.new({"n": 1, "text": "ünï"}, root="a"), self.new(items=list(range(3000)), root="b")
        self.link(a, "b", b)
        self.ok(self.c.post("/v1/objects?root=bytes", os.urandom(50_000), RAW), 201)
        self.ok(self.c.put("/v1/weak/w", {"$ref": a}), 200, 201)
        doc, other = self.session(ttl=600, label="worker")
        self.new(client=other)
        self.ok(self.c.patch("/v1/config?persist=true", {"pipeline_max": 7}))
        return doc["token"]

    def test_all_of_it_comes_back_whether_it_was_folded_or_not(self):
        token, home = self.fill(), self.data
        was, instance = self.everything(), self.c.get("/v1/roots").headers["heapd-instance"]
        for name in ("unfolded", "folded"):
            self.backup()
            self.new(root="later")                              # not in it
            self.fold()
            self.stop()
            self.restored(name)
            self.assert_same(was)
            self.assertNotEqual(self.c.get("/v1/roots").headers["heapd-instance"], instance)
            self.assertEqual(self.ok(self.c.get("/v1/config"))["pipeline_max"], 7)
            mine = self.client(token)
            self.assertEqual(self.ok(mine.get("/v1/sessions/self"))["label"], "worker")
            mine.close()
            self.again()
            self.assert_same(was)
            self.stop()
            self.data = home
            self.start()
            self.unroot("later")
            self.fold()

    def test_it_is_one_file_of_its_own(self):
        self.fill()
        self.backup()
        self.nothing_is_left()
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro&immutable=1", uri=True)) as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertEqual(db.execute("SELECT count(*) FROM meta WHERE name = 'instance'").fetchall(), [(0,)])
        self.assertEqual(self.file.read_bytes()[18:20], b"\1\1", "it needs a WAL")

    def test_head_tells_how_long_it_would_be(self):
        said = self.c.head("/v1/backup")
        self.backup()
        self.assertEqual(said.status, 200)
        self.assertEqual(int(said.headers["content-length"]), self.file.stat().st_size)

    def test_the_next_may_be_asked_for_as_soon_as_the_last_byte_is_there(self):
        for _ in range(50):
            self.backup()

    def test_what_was_answered_but_need_not_be_on_disk_is_in_it(self):
        for mode in ("off", "interval:3600000"):
            self.ok(self.c.patch("/v1/config", {"durability": mode}))
            self.root(f"in {mode}", self.new())
            self.backup()
            with closing(sqlite3.connect(self.file)) as db:
                lines = "".join(row[0] for row in db.execute("SELECT lines FROM log"))
            self.assertIn(f'["root","in {mode}"', lines)
        self.restored()
        self.assertEqual(self.c.get("/v1/roots/in%20off").status, 200)

    def restored(self, name="restored"):
        if self.daemon.process.poll() is None:
            self.stop()
        super().restored(name)

    def test_under_load_it_is_a_moment_that_was_after_all_that_had_been_answered(self):
        acknowledged, over = [], threading.Event()

        def write(k):
            c = Client(self.daemon)
            for n in range(1_000_000):
                if over.is_set():
                    break
                body = {"class": "Step", "fields": {"k": k, "n": n, "pad": "x" * 500}, "root": f"w{k}/{n}"}
                if c.post("/v1/objects", body).status != 201:
                    break
                acknowledged.append((k, n))
            c.close()
        self.make_large(32)                                     # many steps, between which others write
        writers = [threading.Thread(target=write, args=(k,)) for k in range(3)]
        for w in writers:
            w.start()
        try:
            self.assertTrue(eventually(lambda: len(acknowledged) > 300))
            for round_number in range(3):
                before = list(acknowledged)
                self.backup()
                after = len(acknowledged)
                os.rename(self.file, self.file.with_name(f"backup{round_number}"))
            self.assertGreater(after, len(before), "nobody wrote meanwhile")
        finally:
            over.set()
            for w in writers:
                w.join()
        os.rename(self.file.with_name("backup2"), self.file)
        self.restored()
        names = {r["name"] for r in self.pages("/v1/roots", limit=1000)}
        self.assertLessEqual({f"w{k}/{n}" for k, n in before}, names)
        for k in range(3):                                      # and of each writer's steps none without those before
            steps = sorted(int(name.split("/")[1]) for name in names if name.startswith(f"w{k}/"))
            self.assertEqual(steps, list(range(len(steps))))


class Others(BackupTest):
    def open_slowly(self):
        """Begins a backup that is longer than all buffers, and reads its head only."""
        self.make_large(48)
        w = self.wire()
        w.ask("GET", "/v1/backup")
        return w, w.response()

    def test_others_are_served_while_it_is_not_read(self):
        w, response = self.open_slowly()
        self.assertEqual(response.status, 200)
        for n in range(100):
            self.root(f"r{n % 5}", self.new({"n": n}))
            self.assertEqual(self.c.get(f"/v1/roots/r{n % 5}").status, 200)
        self.fold()
        if not STRESSED:
            process = self.heap()["rss"]
            self.assertEqual(len(response.read()), int(response.headers["content-length"]))
            self.assertLess(self.heap()["rss"] - process, 24 << 20)
        w.close()
        self.nothing_is_left()

    def test_one_at_a_time(self):
        w, _ = self.open_slowly()
        said = self.c.get("/v1/backup")
        self.problem(said, 409, "busy")
        self.assertIn("retry-after", said.headers)
        w.close()
        self.assertTrue(eventually(lambda: self.c.get("/v1/backup").status == 200, pause=0.2))
        self.nothing_is_left()

    def test_whoever_goes_away_leaves_nothing_behind(self):
        for _ in range(3):
            w = self.wire()
            self.make_large(8)
            w.ask("GET", "/v1/backup")
            w.close()
            self.assertTrue(eventually(lambda: self.c.head("/v1/backup").status == 200, pause=0.05))
            self.nothing_is_left()

    def test_it_ends_with_the_daemon(self):
        w, _ = self.open_slowly()
        self.ok(self.c.patch("/v1/config", {"drain_timeout_ms": 100}))
        self.stop()
        self.start()
        self.assertEqual(self.leftovers(), [])

    def test_what_a_crash_left_goes_at_the_next_start(self):
        self.kill()
        for name in ("backup.tmp", "backup.tmp-journal", "backup.tmp-wal"):
            (self.data / name).write_bytes(b"half")
        self.start()
        self.assertEqual(self.leftovers(), [])


class NoRoom(BackupTest):
    def limit(self, size):
        resource.prlimit(self.daemon.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def test_for_the_copy_is_a_problem_and_nothing_else(self):
        self.make_large(8)
        self.fold()
        self.assertTrue(eventually(lambda: (self.data / "heap.db-wal").stat().st_size == 0))    # so that commits have room
        self.limit(4 << 20)
        doc = self.problem(self.c.get("/v1/backup"), 507, "disk-full")
        self.assertIn("no room for it", doc["detail"])
        self.nothing_is_left()
        self.root("still", self.new())
        self.limit(resource.RLIM_INFINITY)
        self.backup()
        self.again()
        self.assertEqual(self.c.get("/v1/roots/still").status, 200)


class WithoutData(HeapdTest):
    def test_there_is_nothing_to_back_up(self):
        doc = self.problem(self.c.get("/v1/backup"), 501, "not-implemented")
        self.assertIn("--data", doc["detail"])


class ForAdmins(BackupTest):
    def begin(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        tokens = Path(folder.name) / "tokens"
        tokens.write_text("r read reading-7c1f2a9b\nw write writing-7c1f2a9b\na admin admining-7c1f2a9b\n")
        tokens.chmod(0o600)
        self.options = ("--token-file", str(tokens))
        super().begin()

    def wait_ready(self):
        self.c.headers["Authorization"] = "Bearer admining-7c1f2a9b"
        super().wait_ready()

    def end(self):
        self.stop()

    def test_only(self):
        for token in ("reading", "writing"):
            self.problem(self.c.get("/v1/backup", {"Authorization": f"Bearer {token}-7c1f2a9b"}), 403)
        self.backup()
        said = heapctl(self.daemon, "backup", self.file, HEAPD_TOKEN="reading-7c1f2a9b")
        self.assertEqual(said.returncode, 1)
        self.assertEqual(heapctl(self.daemon, "backup", self.file, HEAPD_TOKEN="admining-7c1f2a9b").returncode, 0)
        operation = self.c.get("/openapi.json").json["paths"]["/v1/backup"]["get"]
        self.assertIn("admin", json.dumps(operation["security"]))


class Heapctl(BackupTest):
    def test_a_backup_and_a_restore(self):
        self.root("r", self.new({"n": 1}))
        self.file.with_name("backup.part").write_bytes(b"half of an older one")
        said = heapctl(self.daemon, "backup", self.file)
        self.assertEqual((said.returncode, said.stdout), (0, f"{self.file}: {self.file.stat().st_size} bytes\n"))
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        was = self.everything()
        self.stop()
        self.data = self.data.with_name("restored")
        said = heapctl(self.daemon, "restore", self.file, self.data)
        self.assertEqual(said.returncode, 0, said)
        self.assertIn(f"start heapd with --data {self.data}", said.stdout)
        self.assertEqual(self.data.stat().st_mode & 0o777, 0o700)
        self.assertEqual((self.data / "heap.db").stat().st_mode & 0o777, 0o600)
        self.assertEqual(sorted(f.name for f in self.data.iterdir()), ["heap.db", "lock"])
        self.start()
        self.assert_same(was)

    def test_a_refused_backup_leaves_the_last_one(self):
        self.file.write_bytes(b"the last one")
        self.make_large(48)
        w = self.wire()
        w.ask("GET", "/v1/backup")
        w.response()
        said = heapctl(self.daemon, "backup", self.file)
        self.assertEqual(said.returncode, 1)
        self.assertIn("being made already", said.stderr)
        self.unchanged()

    def test_a_backup_that_is_cut_leaves_the_last_one(self):
        self.file.write_bytes(b"the last one")
        self.make_large(48)
        self.ok(self.c.patch("/v1/config", {"drain_timeout_ms": 0}))
        env = {"PATH": os.environ["PATH"], "HEAPD_URL": f"http://{self.daemon.host}:{self.daemon.port}"}
        cut = subprocess.Popen([HEAPCTL, "backup", str(self.file)], stderr=subprocess.PIPE, text=True, env=env)
        self.addCleanup(cut.stderr.close)
        part = self.file.with_name("backup.part")
        self.assertTrue(eventually(lambda: part.exists() and part.stat().st_size > 0, pause=0))
        cut.send_signal(19)                                     # SIGSTOP: it reads no more
        self.stop()
        cut.send_signal(18)
        said = cut.communicate(timeout=WAIT)[1]
        self.assertEqual(cut.returncode, 1, said)
        self.unchanged()
        self.start()

    def test_a_file_that_cannot_be_written(self):
        said = heapctl(self.daemon, "backup", "/proc/nowhere")
        self.assertEqual(said.returncode, 1)
        self.assertIn("cannot write /proc/nowhere.part", said.stderr)
        self.assertEqual(heapctl(self.daemon, "backup").returncode, 2)
        self.assertEqual(heapctl(self.daemon, "restore", "x").returncode, 2)

    def unchanged(self):
        self.assertEqual(self.file.read_bytes(), b"the last one")
        self.assertFalse(self.file.with_name("backup.part").exists())


class Restore(BackupTest):
    def begin(self):
        super().begin()
        self.root("r", self.new({"n": 1}))
        self.backup()
        self.target = self.data.with_name("target")

    def refused(self, sentence, file=None):
        said = run_heapd("--restore", str(file or self.file), str(self.target))
        self.assertEqual(said.returncode, 1, said)
        self.assertRegex(said.stdout + said.stderr, sentence)

    def test_not_over_what_is_there(self):
        self.target.mkdir()
        (self.target / "heap.db").write_bytes(b"precious")
        self.refused("not empty: name a new directory .* move what is in the directory somewhere else")
        self.assertEqual([(f.name, f.read_bytes()) for f in self.target.iterdir()], [("heap.db", b"precious")])

    def test_not_under_a_heapd(self):
        self.target = self.data
        self.refused("not empty")
        self.assertEqual(self.c.get("/v1/roots/r").status, 200)

    def test_what_is_no_backup(self):
        for what in (b"", b"a letter", b"SQLite format 3\0 and then a letter" * 999):
            other = self.file.with_name("other")
            other.write_bytes(what)
            self.refused("no backup|not a database|broken|empty", other)
            self.assertFalse(self.target.exists())
        self.refused("No such file", "/nowhere")

    def test_half_of_one(self):
        for n in range(3):
            self.root(f"more{n}", self.new(items=list(range(3000))))
        self.fold()
        self.backup()
        half = self.file.with_name("half")
        half.write_bytes(self.file.read_bytes()[:self.file.stat().st_size // 2 // 4096 * 4096])
        self.refused("broken|malformed", half)
        self.assertFalse(self.target.exists())

    def test_into_an_empty_directory_also_after_one_that_was_killed(self):
        (self.target / "restore.part").mkdir(parents=True)
        (self.target / "restore.part/heap.db").write_bytes(b"half")
        said = run_heapd("--restore", str(self.file), str(self.target))
        self.assertEqual(said.returncode, 0, said)
        self.assertFalse((self.target / "restore.part").exists())
        self.stop()
        self.data = self.target
        self.start()
        self.assertEqual(self.c.get("/v1/roots/r").status, 200)

    def test_a_database_that_was_copied_by_hand_gets_another_instance_too(self):
        instance = self.c.get("/v1/roots").headers["heapd-instance"]
        self.stop()
        said = run_heapd("--restore", str(self.data / "heap.db"), str(self.target))
        self.assertEqual(said.returncode, 0, said)
        self.data = self.target
        self.start()
        self.assertEqual(self.c.get("/v1/roots/r").status, 200)
        self.assertNotEqual(self.c.get("/v1/roots").headers["heapd-instance"], instance)


if __name__ == "__main__":
    unittest.main()

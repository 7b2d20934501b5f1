"""
store_test.py - what tests of --data need: a directory, and heapds that begin and end in it, well or not.
"""
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import unittest
from contextlib import closing
from pathlib import Path

from heapd_test import WAIT, Client, Daemon, HeapdTest, command, eventually

COMPILER = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")


def run_heapd(*options):
    """A heapd that ends by itself: what it said and how it ended."""
    return subprocess.run([*command(), *options], capture_output=True, text=True, timeout=WAIT * 4)


class StoreTest(HeapdTest):
    fresh = True

    def begin(self):
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)
        self.data = Path(self.place.name) / "data"
        self.start()

    def start(self, *options):
        self.daemon = Daemon("--data", str(self.data), *self.options, *options)
        self.c = Client(self.daemon)
        self.wait_ready()

    def wait_ready(self):
        try:
            self.assertTrue(eventually(lambda: self.c.get("/readyz").status == 200))
        except OSError:
            self.daemon.finish()
            self.fail(f"it ended while it recovered: {self.daemon.last_words}")

    def kill(self):
        """As a machine that loses its power does to a process; the system lives on."""
        self.c.close()
        self.daemon.process.send_signal(signal.SIGKILL)
        self.assertEqual(self.daemon.finish(), -signal.SIGKILL)

    def stop(self):
        self.c.close()
        self.daemon.terminate()
        self.assertEqual(self.daemon.finish(), 0, self.daemon.last_words)

    def again(self, *options, well=False):
        """Another heapd with the same data."""
        if well:
            self.stop()
        else:
            self.kill()
        self.start(*options)
        self.validate_clean()

    def sql(self, query, *args):
        with closing(sqlite3.connect(self.data / "heap.db", timeout=10)) as db:
            return db.execute(query, args).fetchall()

    def sql_write(self, query, *args):
        """While no heapd runs on it."""
        with closing(sqlite3.connect(self.data / "heap.db")) as db, db:
            self.assertNotEqual(db.execute(query, args).rowcount, 0)

    def fold(self):
        """Until all that was committed is in the tables: it happens when nothing else does."""
        self.assertTrue(eventually(lambda: self.sql("SELECT count(*) FROM log") == [(0,)]))

    def everything(self):
        """All that must survive, as it is shown."""
        docs = {}
        for doc in self.pages("/v1/objects", limit=1000):
            doc.pop("generation"), doc.pop("bytes")
            if "length" in doc:
                doc["content"] = self.c.get(f"/v1/objects/{doc['id']}/bytes").raw
            if doc.pop("more", False):
                kind = "fields" if "fields" in doc else "items"
                doc[kind] = self.pages(f"/v1/objects/{doc['id']}/{kind}", limit=1000)
            docs[doc["id"]] = doc
        sessions = {s["id"]: (s["label"], s["ttl"], sorted(h["id"] for h in self.pages(f"/v1/sessions/{s['id']}/holds")))
                    for s in self.pages("/v1/sessions")}
        roots = {r["name"]: r["$ref"] for r in self.pages("/v1/roots")}
        weak = {w["name"]: w.get("$ref") for w in self.pages("/v1/weak")}
        return {"objects": docs, "sessions": sessions, "roots": roots, "weak": weak}

    def assert_same(self, was):
        now = self.everything()
        for kind in was:
            self.assertEqual(now[kind], was[kind])


@unittest.skipUnless(COMPILER, "there is no C compiler")
class PreloadedTest(StoreTest):
    """With a library between heapd and its system: `preloaded`, built here with the compiler there is."""
    preloaded = None
    preload_env = {}

    @classmethod
    def setUpClass(cls):
        cls.built = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.built.cleanup)
        source = Path(__file__).with_name(cls.preloaded)
        cls.library = Path(cls.built.name) / source.with_suffix(".so").name
        subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", cls.library, source, "-ldl"], check=True)
        super().setUpClass()

    def start(self, *options):
        asan = os.environ.get("ASAN_OPTIONS", "")
        env = {"LD_PRELOAD": str(self.library), "ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0".lstrip(":"), **self.preload_env}
        before = {name: os.environ.get(name) for name in env}
        os.environ.update(env)
        try:
            super().start(*options)
        finally:
            for name, value in before.items():
                os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)

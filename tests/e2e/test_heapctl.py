"""test_heapctl.py - the command line: every verb, its exit codes, and export and import of a whole heap."""
import base64
import gzip
import json
import os
import pty
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from heapd_test import ROOT, WAIT, Client, Daemon, HeapdTest

OCTETS = {"Content-Type": "application/octet-stream"}
HEAPCTL = os.environ.get("HEAPCTL_BIN") or str(ROOT / "build/client/heapctl")


class HeapctlTest(HeapdTest):
    fresh = True

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_ctl(self, *words, stdin=b"", daemon=None, **env):
        """Runs heapctl: exit code, stdout and stderr."""
        daemon = daemon or self.daemon
        env = {"PATH": os.environ["PATH"], "HEAPD_URL": f"http://{daemon.host}:{daemon.port}", **env}
        said = subprocess.run([HEAPCTL, *map(str, words)], input=stdin, capture_output=True, env=env, timeout=10 * WAIT)
        return said.returncode, said.stdout.decode(), said.stderr.decode()

    def ctl(self, *words, **more):
        """Runs heapctl, which must succeed: its stdout."""
        code, out, err = self.run_ctl(*words, **more)
        self.assertEqual(code, 0, (words, out, err))
        return out

    def ctl_json(self, *words, **more):
        return json.loads(self.ctl(*words, "--json", **more))

    def refused(self, code, *words, says="", **more):
        """Runs heapctl, which must fail with this exit code and say so on stderr: what it says."""
        got, _, err = self.run_ctl(*words, **more)
        self.assertEqual(got, code, (words, err))
        self.assertIn("heapctl:", err)
        self.assertIn(says, err)
        return err

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def another_daemon(self):
        """A second daemon, and a client of it."""
        daemon = Daemon(*self.options)
        client = Client(daemon)

        def end():
            client.close()
            daemon.terminate()
            self.assertEqual(daemon.finish(), 0)
        self.addCleanup(end)
        return daemon, client


class Verbs(HeapctlTest):
    def test_new_makes_an_object_of_words(self):
        doc = self.ctl_json("new", "Node", "n=7", "real=1.5", "yes=true", "none=null", "text=Ada L.", 'digits="012"', "$odd=1", "eq=a=b")
        self.assertEqual(doc["class"], "Node")
        self.assertEqual(doc["fields"], {"n": 7, "real": 1.5, "yes": True, "none": None, "text": "Ada L.", "digits": "012", "$$odd": 1, "eq": "a=b"})
        i = doc["id"]
        other = self.ctl_json("new", "Node", f"next=@{i}", f'weak={{"$weak":{i}}}', "list=[1]", "--root", "a root")
        self.assertEqual((other["fields"]["next"], other["fields"]["weak"]), ({"$ref": i}, {"$weak": i}))
        self.assertEqual(self.doc(other["fields"]["list"]["$ref"])["items"], [1])
        self.assertEqual(self.c.get("/v1/roots/a%20root").json, {"$ref": other["id"]})
        self.assertEqual(self.ctl_json("new", "Queue", "--items", "[1,2]")["items"], [1, 2])

    def test_get_shows_an_object_and_what_it_links_to(self):
        a = self.new({"name": "the far end"})
        b = self.new({"next": {"$ref": a}, "text": "a\nb\x1b[31m"})
        out = self.ctl("get", b)
        self.assertIn(f"Node @{b}", out)
        self.assertIn(f"@{a}", out)
        self.assertNotIn("\x1b", out)
        self.assertNotIn("the far end", out)
        self.assertIn("the far end", self.ctl("get", f"@{b}", "--depth", 1))
        self.assertEqual(self.ctl_json("get", b)["fields"]["next"], {"$ref": a})

    def test_why_shows_chains_and_retained_what_would_go(self):
        leaf = self.new(kind="Leaf")
        cache = self.new({"left": {"odd name": {"$ref": leaf}}, "all": [1, {"$ref": leaf}]}, kind="Cache", root='the "cache"\x1b[31m')
        fields = self.doc(cache)["fields"]
        left, items = fields["left"]["$ref"], fields["all"]["$ref"]
        self.assertEqual(self.ctl("why", leaf), f'session 0 "default" -> Leaf @{leaf}\n')
        self.drop(leaf)
        out = self.ctl("why", f"@{leaf}", "--paths", 9)
        self.assertEqual(sorted(out.splitlines()), sorted([
            f'root "the \\"cache\\"\\u001b[31m" -> Cache @{cache} .left -> object @{left} ["odd name"] -> Leaf @{leaf}',
            f'root "the \\"cache\\"\\u001b[31m" -> Cache @{cache} .all -> list @{items} [1] -> Leaf @{leaf}']))
        self.assertEqual(len(self.ctl("why", leaf).splitlines()), 1)
        self.assertEqual(len(self.ctl_json("why", leaf, "--paths=2")["paths"]), 2)
        self.assertTrue(self.ctl("why", leaf, "--dot").startswith("strict digraph"))
        self.assertIn(f"@{cache} keeps 4 objects alive, itself included: ", self.ctl("retained", cache))
        self.assertIn("keeps 1 object alive", self.ctl("retained", leaf))
        self.assertEqual(self.ctl_json("retained", cache)["objects"], 4)
        last = self.new({"next": {"$ref": leaf}})
        for _ in range(59):
            before, last = last, self.new({"next": {"$ref": last}})
            self.drop(before)
        self.ok(self.c.delete("/v1/roots/the%20%22cache%22%1b%5b31m"))
        self.assertIn("-> ... 21 more ... -> ", self.ctl("why", leaf))
        self.link(leaf, "on", last)
        self.drop(last)
        self.assertIn(f"Leaf @{leaf}: nothing that is held reaches it", self.ctl("why", leaf))
        for words in (("why",), ("why", leaf, leaf), ("why", "x"), ("why", leaf, "--paths", "x"), ("why", leaf, "--dot", "--json"),
                      ("retained",), ("retained", "x"), ("retained", leaf, "--paths", "1")):
            self.refused(2, *words)
        for words in (("why", leaf + 10**6), ("retained", leaf + 10**6), ("why", leaf, "--paths", 0)):
            self.refused(1, *words)

    def test_set_and_unset_do_all_or_nothing(self):
        i, items = self.new({"a": 1, "b": 2}), self.new(items=[1, 2, 3])
        self.assertEqual(self.ctl_json("set", i, "a=null", "c=x")["fields"], {"a": None, "b": 2, "c": "x"})
        self.assertEqual(self.ctl_json("unset", i, "a", "c")["fields"], {"b": 2})
        before = self.doc(i)
        self.refused(1, "set", i, "b=3", "d=@9007199254740001", "e=1")
        self.refused(1, "unset", i, "b", "nope")
        self.assertEqual(self.doc(i), before)
        self.assertEqual(self.ctl_json("set", items, "[1]=two")["items"], [1, "two", 3])

    def test_hold_and_drop(self):
        i = self.new(root="r")
        self.assertEqual(self.ctl_json("hold", i), {"refs": 2})
        self.assertIn("alive", self.ctl("drop", i))
        self.refused(1, "drop", i)
        self.unroot("r")
        self.refused(1, "get", i)

    def test_a_session_holds_by_its_token(self):
        doc, _ = self.session()
        i = self.ctl_json("new", "Node", "--session", doc["token"])["id"]
        self.assertEqual([d["id"] for d in self.pages(f"/v1/sessions/{doc['id']}/holds")], [i])
        self.refused(1, "drop", i)
        self.assertIn("gone", self.ctl("drop", i, HEAPD_SESSION=doc["token"]))

    def test_roots_are_listed_shown_set_and_deleted(self):
        i = self.new()
        self.assertIn("no roots", self.ctl("root"))
        self.ctl("root", "a/b c", i)
        self.assertIn("a/b c", self.ctl("root"))
        self.assertEqual(self.ctl("root", "a/b c"), f"@{i}\n")
        self.assertEqual(self.ctl_json("root")["items"][0]["name"], "a/b c")
        self.ctl("root", "--delete", "a/b c")
        self.refused(1, "root", "a/b c")

    def test_the_collector_is_shown_and_tuned(self):
        self.assertIn("thresholds", self.ctl("gc"))
        said = self.ctl_json("gc", "set", "thresholds=700,10,5", "enabled=false", "debug=saveall")
        self.assertEqual((said["thresholds"], said["enabled"], said["debug"]), ([700, 10, 5], False, ["saveall"]))
        self.assertEqual(self.ctl_json("gc", "set", "thresholds=600", "debug=[]")["thresholds"], [600, 10, 5])
        self.refused(1, "gc", "set", "nonsense=1")
        self.new()
        self.assertEqual(self.ctl_json("gc", "freeze"), {"frozen": 1})
        self.assertEqual(self.ctl_json("gc", "unfreeze"), {"frozen": 0})

    def test_collect_frees_a_cycle(self):
        a = self.new()
        self.link(a, "self", a)
        self.ctl("drop", a)
        self.assertEqual(self.ctl_json("collect", 0)["collected"], 1)
        self.assertIn("collected", self.ctl("collect"))

    def test_classes_and_pools(self):
        self.new(kind="Rare")
        self.assertIn("Rare", self.ctl("classes"))
        self.assertEqual([x["class"] for x in self.ctl_json("classes")["items"]], ["Rare"])
        self.assertIn("arenas", self.ctl("pools"))
        self.assertEqual([(x["site"], x["count"]) for x in self.ctl_json("sites", "--sort", "count")["items"]], [(None, 1)])
        self.assertIn("peak", self.ctl("sites").lower())
        self.refused(1, "sites", "--sort", "abc", says="sort is")
        self.assertIn("arenas", self.ctl_json("pools"))

    def test_a_batch_is_streamed_from_a_file_and_from_stdin(self):
        ops = '["new","A",{"n":1}]\n\n["root","a","@0"]\n["get","@0"]'
        for words in (("-",), (), (self.file("ops", ops),)):
            *said, summary = map(json.loads, self.ctl("batch", *words, stdin=ops.encode()).splitlines())
            self.assertEqual((len(said), summary["done"], summary["failed"]), (3, 3, 0))
            self.assertEqual(said[2]["fields"], {"n": 1})
        code, out, err = self.run_ctl("batch", stdin=b'["new","A"]\n["get",0]\n["new","B"]\n')
        self.assertEqual((code, json.loads(out.splitlines()[-1])["failed"]), (1, 1))
        self.assertIn("op 1", err)
        self.assertEqual(len(self.ctl("batch", "--summary", stdin=ops.encode()).splitlines()), 1)
        self.refused(1, "batch", stdin=b'["root","z",1]\n["get",0]\n')
        self.assertEqual(self.ctl("batch", "--atomic", "--summary", stdin=b'["new","A"]\n["root","y","@0"]\n').strip(),
                         '{"done":2,"failed":0}')
        code, out, err = self.run_ctl("batch", "--atomic", stdin=b'["unroot","y"]\n["new","A"]\n["get",0]\n')
        self.assertEqual((code, out), (1, ""))
        self.assertIn("op 2", err)
        self.assertEqual(self.c.get("/v1/roots/y").status, 200)


class Manners(HeapctlTest):
    def test_wrong_usage_is_2(self):
        for words in ((), ("frobnicate",), ("get",), ("get", "x"), ("get", "0"), ("get", "1", "2"), ("get", "1", "--depth", "-1"), ("get", "1", "--nope"),
                      ("new",), ("new", "A", "novalue"), ("new", "A", "=1"), ("new", "A", "a=1", "a=2"), ("new", "A", "--items", "7"), ("set", "1"), ("unset", "1"),
                      ("collect", "3"), ("gc", "nope"), ("gc", "set"), ("root", "a", "b"), ("root", "a", "1", "2"), ("import",), ("import", "a", "b"),
                      ("import", "a.heapsnapshot"), ("import", "a.ndjson", "--root", "r"), ("--nope", "gc"), ("gc", "--url"), ("gc", "--json=1")):
            self.refused(2, *words)
        self.refused(2, "gc", HEAPD_URL="ftp://127.0.0.1")

    def test_help_and_version_need_no_daemon(self):
        self.assertIn("collect", self.ctl("--help", HEAPD_URL="http://127.0.0.1:1"))
        for verb in "new get set unset drop hold root gc collect classes pools import export batch".split():
            self.assertIn(f"usage: heapctl {verb}", self.ctl(verb, "--help"))
        self.assertRegex(self.ctl("--version"), r"^heapctl \d")

    def test_an_unreachable_daemon_is_1_and_says_what_to_do(self):
        err = self.refused(1, "gc", HEAPD_URL="http://127.0.0.1:1", says="not reachable")
        self.assertIn("Start it with", err)
        self.refused(1, "gc", HEAPD_URL="unix:/nonexistent/socket", says="not reachable")
        self.refused(1, "get", 7, "--url", "http://127.0.0.1:1")

    def test_a_problem_is_said_in_full(self):
        problem = self.c.get("/v1/objects/123456").json
        err = self.refused(1, "get", 123456)
        for part in ("title", "detail", "hint"):
            self.assertIn(problem[part], err)

    def test_nothing_is_coloured_but_a_terminal(self):
        self.new()
        self.assertNotIn("\x1b", self.ctl("gc"))
        self.assertIn("\x1b[", self.on_a_terminal("gc"))
        self.assertNotIn("\x1b[", self.on_a_terminal("gc", NO_COLOR="1"))

    def on_a_terminal(self, *words, **env):
        master, slave = pty.openpty()
        env = {"PATH": os.environ["PATH"], "TERM": "xterm", "HEAPD_URL": f"http://{self.daemon.host}:{self.daemon.port}", **env}
        with open(master, "rb", closefd=True) as out:
            subprocess.run([HEAPCTL, *words], stdout=slave, env=env, timeout=WAIT, check=True)
            os.close(slave)
            return out.read1(65536).decode()

    def test_a_full_disk_is_not_a_success(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "wb") as full:
            env = {"PATH": os.environ["PATH"], "HEAPD_URL": f"http://{self.daemon.host}:{self.daemon.port}"}
            self.assertEqual(subprocess.run([HEAPCTL, "gc"], stdout=full, stderr=subprocess.DEVNULL, env=env, timeout=WAIT).returncode, 1)


class Report(HeapctlTest):
    """What is in the page; how it looks is told by tests/browser."""

    RUN = {"heapd_load": 1, "scenario": "</script><!-- <b>", "verdict": {"site": "a<b\\<c\u2028"}, "series": {"t_s": [0.1, 1e300]}}
    DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.S)

    def test_a_page_has_the_figures_as_they_are(self):
        run = self.file("run.json", json.dumps(self.RUN))
        self.ctl("report", run, self.folder / "page.html", HEAPD_URL="http://127.0.0.1:1")
        page = (self.folder / "page.html").read_text()
        data = self.DATA.findall(page)
        self.assertEqual([json.loads(d) for d in data], [self.RUN])
        self.assertNotIn("<", data[0])
        self.assertTrue(page.startswith("<!doctype html>") and page.endswith("</html>\n"))
        self.assertIn("Permission is hereby granted, free of charge", page)
        _, from_stdin, _ = self.run_ctl("report", "-", "/dev/stdout", stdin=gzip.compress(run.read_bytes()))
        self.assertEqual(from_stdin, page)

    def test_what_is_no_run_gives_no_page(self):
        page = self.folder / "page.html"
        for data, says in (("{", "line 1"), ("[1]", "heapctl load --json"), ('{"a":1}', "heapctl load --json"), ("", "JSON")):
            self.refused(1, "report", self.file("run.json", data), page, says=says)
            self.assertFalse(page.exists())
        self.refused(1, "report", self.folder / "none.json", page, says="No such file")
        self.refused(2, "report", page)

    def test_half_a_page_is_taken_away(self):
        run = self.file("run.json", json.dumps({**self.RUN, "filler": "x" * 1_000_000}))
        limited = ["sh", "-c", 'trap "" XFSZ; ulimit -f 800; exec "$@"', "sh", HEAPCTL, "report", run, self.folder / "page.html"]
        said = subprocess.run(limited, capture_output=True, text=True, timeout=WAIT)
        self.assertEqual(said.returncode, 1, said)
        self.assertIn("File too large", said.stderr)
        self.assertFalse((self.folder / "page.html").exists())
        self.refused(1, "report", run, "/dev/full", says="No space")
        self.assertTrue(Path("/dev/full").exists())
        self.refused(1, "report", run, self.folder / "no/page.html", says="No such file")


class ExportImport(HeapctlTest):
    """A heap, exported, imported into another daemon, is the same heap but for its ids."""

    def moved(self):
        """Exports, imports into another daemon, and compares: the client of the other."""
        path = self.folder / "heap.ndjson"
        self.ctl("export", path)
        daemon, other = self.another_daemon()
        self.ctl("import", path, daemon=daemon)
        self.assert_equal_heaps(other)
        self.assertEqual(self.ok(other.post("/v1/heap/validate"))["broken"], [])
        return other

    def keepers(self, client):
        names = {(kind, x["name"]): x["$ref"] for kind in ("roots", "weak") for x in self.pages(f"/v1/{kind}", client=client)}
        return {k: v for k, v in names.items() if v is not None}

    def held(self, client):
        """What session 0 holds, in an order that ids have no part in."""
        def looks(i):
            return re.sub(r'": \d+', "", json.dumps(self.parts(client, i)))
        return sorted((d["id"] for d in self.pages("/v1/sessions/0/holds", client=client)), key=looks)

    def parts(self, client, i):
        """The document of an object, all of it: what must be equal, links aside."""
        doc = self.ok(client.get(f"/v1/objects/{i}"))
        if "length" in doc:
            return [doc["class"], client.get(f"/v1/objects/{i}/bytes").raw.hex()]
        kind = "items" if "items" in doc else "fields"
        all_parts = self.pages(f"/v1/objects/{i}/{kind}", 1000, client) if doc.get("more") else doc[kind]
        return [doc["class"], kind, list(all_parts.items()) if isinstance(all_parts, dict) else all_parts]

    def assert_equal_heaps(self, other):
        """Walks both from roots, weak names and holds, and pairs what it meets."""
        here, there = self.keepers(self.c), self.keepers(other)
        self.assertEqual(here.keys(), there.keys())
        self.twins, todo = {}, [(here[k], there[k]) for k in here]
        todo += zip(self.held(self.c), self.held(other), strict=True)
        while todo:
            a, b = todo.pop()
            if a in self.twins:
                self.assertEqual(self.twins[a], b)
                continue
            self.twins[a] = b
            self.same(self.parts(self.c, a), self.parts(other, b), todo)
        self.assertEqual(len(self.twins), len(set(self.twins.values())))
        self.ok(self.c.post("/v1/gc/collect"))
        counts = [self.ok(c.get("/v1/heap")) for c in (self.c, other)]
        self.assertEqual(*((h["objects"], h["links"]) for h in counts))

    def same(self, a, b, todo):
        """Equal values, and links, strong or weak, to what must be twins."""
        self.assertIs(type(a), type(b))
        if isinstance(a, dict):
            self.assertEqual(a.keys(), b.keys())
            for link in ("$ref", "$weak"):
                if link in a:
                    todo.append((a[link], b[link]))
                    return
            a, b = list(a.values()), list(b.values())
        if isinstance(a, (list, tuple)):
            self.assertEqual(len(a), len(b))
            for x, y in zip(a, b):
                self.same(x, y, todo)
        else:
            self.assertEqual(a, b)

    def test_every_kind_of_value(self):
        self.new({"none": None, "yes": True, "no": False, "n": -7, "max": 2**63 - 1, "real": 0.1, "one": 1.0, "text": "grüße \U0001f600\0\"\\\n",
                  "$$dollar": "@0", "$$$two": {"$$weak": "@1"}, "empty": {}, "nothing": [], "list": [1, [2, ["@2"]]]}, root="all")
        self.moved()

    def test_cycles_weak_links_and_order(self):
        a, b, c = self.new({"z": 1, "next": None, "a": 2}, root="r"), self.new({"m": 1}), self.new(items=[1])
        self.link(a, "next", b)
        self.link(b, "back", a)
        self.link(b, "self", b)
        self.put(a, "weak", {"$weak": c})
        self.link(b, "list", c)
        self.ok(self.c.post(f"/v1/objects/{c}/items", json.dumps({"$ref": a})), 201)
        self.ok(self.c.put(f"/v1/weak/watched", {"$ref": b}), 200, 201)
        self.root("second name", a)
        self.moved()

    def test_holds_are_kept_unless_left_out(self):
        i = self.new({"held": True})
        _, worker = self.session(label="worker")
        j = self.new({"by": "worker"}, client=worker)
        code, out, err = self.run_ctl("export")
        self.assertEqual(code, 0)
        self.assertIn("held by sessions", err)
        self.assertEqual(sum(json.loads(x)[0] == "hold" for x in out.splitlines()), 2)
        self.assertNotIn('"hold"', self.ctl("export", "--no-holds"))
        self.drop(j, worker)
        self.moved()
        self.drop(i)

    def test_large_records_lists_strings_and_bytes(self):
        many = self.new({f"field {n}": n for n in range(2500)}, root="many")
        self.new(items=[{"$ref": many}] * 2500, root="items")
        self.new({"a": 1, "text": "\x01" * 70000, "b": {"$ref": many}, "c": "y" * 90000}, root="text")
        self.new(items=["z" * 100000, {"$ref": many}], root="long items")
        for size in (0, 1, 2, 3, 40000, 300000):
            data = os.urandom(size)
            self.ok(self.c.post(f"/v1/objects?root=bytes{size}", data, OCTETS), 201)
        self.moved()

    def test_lists_and_bytes_of_a_class_of_their_own(self):
        a = self.new({"n": 1}, root="a")
        queue = self.new(items=[{"$ref": a}, 2], kind="Queue", root="q")
        self.link(a, "queue", queue)
        self.ok(self.c.post("/v1/objects?class=Blob&root=blob", b"\0\1\2", OCTETS), 201)
        self.moved()
        self.assertIn('"Queue"]', self.ctl("export"))

    def test_a_random_graph(self):
        import random
        dice = random.Random(4327)
        ops = [["new", dice.choice("ABC"), {"n": n}] if dice.random() < 0.7 else ["list", [n]] for n in range(300)]
        kinds = [op[0] for op in ops]
        for n in range(900):
            at, link = dice.randrange(300), {dice.choice(("$ref", "$ref", "$weak")): f"@{dice.randrange(300)}"}
            ops.append(["set", f"@{at}", f"f{dice.randrange(9)}", link] if kinds[at] == "new" else ["push", f"@{at}", link])
        ops += [["root", f"r{n}", f"@{dice.randrange(300)}"] for n in range(20)]
        self.done(*ops)
        self.ok(self.c.post("/v1/gc/collect"))
        self.moved()

    def test_an_export_is_a_batch(self):
        a = self.new({"x": {"y": [1]}}, root="r")
        self.link(a, "self", a)
        daemon, other = self.another_daemon()
        self.ok(other.post("/v1/batch", self.ctl("export").encode(), {"Content-Type": "application/x-ndjson"}))
        self.assert_equal_heaps(other)

    def test_import_reads_gzip_and_stdin_and_fails_whole(self):
        import gzip
        ops = b'["new","A"]\n\n["root","a","@0"]\n'
        self.ctl("import", self.file("x.ndjson.gz", gzip.compress(ops)))
        self.ctl("import", "-", stdin=ops)
        self.refused(1, "import", self.file("bad", b'["new","B"]\n["get","@5"]\n["root","b","@0"]\n'), says="op 1")
        self.refused(1, "import", self.file("cut.gz", gzip.compress(ops * 100)[:-20]))
        self.refused(1, "import", self.folder / "absent")
        self.refused(1, "import", self.folder)
        self.assertEqual([x["name"] for x in self.pages("/v1/roots")], ["a"])
        self.ok(self.c.post("/v1/gc/collect"))
        self.assertEqual(self.heap()["objects"], 1)

    def test_bytes_of_an_export_are_base64(self):
        self.ok(self.c.post("/v1/objects?root=b", b"abc\xff", OCTETS), 201)
        self.assertIn(base64.b64encode(b"abc\xff").decode(), self.ctl("export"))


if __name__ == "__main__":
    unittest.main()

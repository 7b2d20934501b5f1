"""
test_dominators.py - who retains what in a snapshot: against networkx, DevTools and memlab, and as folded stacks.

The tree is read level by level, as somebody at curl would. networkx is always asked; the two programs from npm need a network
the first time (tests/npm), and where there is none the test says so.
"""
import json
import random
import subprocess
import sys
import tempfile
import unittest
from collections import Counter, defaultdict
from pathlib import Path
from urllib.parse import unquote

from heapd_test import ROOT, eventually
from test_heapctl import HeapctlTest
from test_heapctl_import import NODE20
from test_snapshots import Snapshots

ORACLE_SECONDS = 300


class Trees(Snapshots):
    def level(self, n, query=""):
        return self.ok(self.c.get(f"/v1/snapshots/{n}/dominators{query}"))

    def children(self, n, under):
        """All that lies right below."""
        at, items = "", []
        while at is not None:
            said = self.level(n, f"?limit=1000&under={under}{at}" if under is not None else f"?limit=1000{at}")
            items += said["items"]
            at = said["next"] and f"&cursor={said['next']}"
        return items

    def tree(self, n):
        """Of each node, by its id or what it is under: its parent, retained bytes and objects."""
        found, todo = {}, [None]
        while todo:
            parent = todo.pop()
            for item in self.children(n, parent):
                name = item.get("id", item.get("under"))
                self.assertNotIn(name, found)
                found[name] = (parent, item["retained"]["bytes"], item["retained"]["objects"])
                if item["children"]:
                    todo.append(name)
        return found

    def links(self, n):
        """Of the snapshot, by ndjson; the holders by heapsnapshot, whose nodes are in the same order."""
        lines = self.lines(n)
        nodes = self.parsed(n).nodes
        ids = dict(zip([x.id for x in nodes if x.kind == "object"], [x["id"] for x in lines]))
        names = {"(Named roots)": "roots", "(Sessions)": "sessions", "(Batches)": "batches", "(Garbage)": "garbage"}
        for x in nodes[1:]:
            if x.kind == "synthetic":
                ids[x.id] = names.get(x.name) or f"session:{x.name.split()[1]}"
        ids[nodes[0].id] = "outside"
        links = [[x["id"], to] for x in lines for _, to in x["links"]]
        return links + [[ids[x.id], ids[to.id]] for x in nodes if x.kind == "synthetic" for _, _, to in x.edges], lines, ids

    def networkx(self, links):
        names = sorted({str(x) for link in links for x in link})
        number = {name: i for i, name in enumerate(names)}
        asked = json.dumps([number["outside"], [[number[str(a)], number[str(b)]] for a, b in links]])
        done = subprocess.run(["/usr/bin/python3", Path(__file__).with_name("oracle_networkx.py")], input=asked, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=ORACLE_SECONDS)
        self.assertEqual(done.returncode, 0, f"networkx (deploy/packages test installs it): {done.stderr[-500:]}")
        return {names[node]: names[up] for node, up in json.loads(done.stdout)}

    def random_heap(self, seed, objects=120):
        """Objects that link to each other as it falls, some named, some held by sessions, some by nobody but others."""
        r = random.Random(seed)
        ids = [self.new(kind=f"C{r.randrange(5)}") for _ in range(objects)]
        _, worker = self.session(label="worker")
        for i in range(r.randrange(objects, 3 * objects)):
            self.link(ids[r.randrange(objects)], f"f{i}", ids[min(objects - 1, max(0, r.randrange(objects) if i % 3 else i % objects + r.randrange(-3, 4)))])
        for i in r.sample(ids, 6):
            self.root(f"root {i}", i)
        for i in r.sample(ids, 4):
            self.ok(worker.put(f"/v1/objects/{i}/hold"))
        for i in ids:
            if r.random() < 0.97:
                self.drop(i)


class Tree(Trees):
    def test_networkx_finds_the_same_dominators(self):
        for seed in range(4):
            self.random_heap(seed)
            n = self.take()["n"]
            tree, (links, lines, _) = self.tree(n), self.links(n)
            theirs = self.networkx(links)
            size = {str(x["id"]): x["size"] for x in lines}
            retained = Counter(size)
            children = defaultdict(list)
            for node, up in theirs.items():
                if node != "outside":
                    children[up].append(node)
            order = ["outside"]
            for node in order:
                order += children[node]
            for node in reversed(order[1:]):
                retained[theirs[node]] += retained[node]
            self.assertEqual({str(k): (str(up or "outside"), bytes) for k, (up, bytes, _) in tree.items()},
                             {node: (theirs[node], retained[node]) for node in order[1:]}, f"seed {seed}")
            self.ok(self.c.delete(f"/v1/snapshots/{n}"))

    def test_pages_are_parts_of_the_whole_the_largest_first(self):
        hub = self.new(items=[], kind="Hub")
        self.root("hub", hub)
        for i in range(25):
            leaf = self.new({f"f{k}": k for k in range(i % 7)}, "Leaf")
            self.ok(self.c.post(f"/v1/objects/{hub}/items", {"$ref": leaf}), 201)
            self.drop(leaf)
        self.drop(hub)
        self.take()
        whole = self.level(1, f"?under={hub}&limit=1000")
        self.assertEqual(whole["node"]["retained"], {"objects": 26, "bytes": self.heap()["bytes"]["live"]})
        self.assertEqual((whole["node"]["children"], len(whole["items"]), whole["next"]), (25, 25, None))
        self.assertEqual(whole["node"]["dominator"], {"holder": "(Named roots)", "under": "roots"})
        sizes = [x["retained"]["bytes"] for x in whole["items"]]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        for limit in (1, 4, 24):
            at, items = 0, []
            while at is not None:
                said = self.level(1, f"?under={hub}&limit={limit}&cursor={at}")
                items += said["items"]
                at = said["next"]
            self.assertEqual(items, whole["items"])

    def test_who_is_shared_is_nobodys_and_sessions_are_told_apart(self):
        _, worker = self.session(label="worker-7")
        mine, both = self.new(kind="Mine", client=worker), self.new(kind="Both", client=worker)
        self.root("both", both)
        self.take()
        top = self.level(1)
        self.assertEqual({x.get("under", x.get("class")) for x in top["items"] if x["retained"]["objects"]}, {"sessions", "Both"})
        session = self.level(1, "?under=sessions")["items"][0]
        self.assertEqual((session["under"][:8], session["label"], session["children"]), ("session:", "worker-7", 1))
        self.assertEqual(self.level(1, f"?under={session['under']}")["items"][0]["id"], mine)
        self.assertNotIn("dominator", self.level(1, f"?under={both}")["node"])

    def test_whoever_is_held_from_outside_says_by_whom(self):
        doc, worker = self.session(label="worker-7")
        a, b, c = self.new(kind="A"), self.new(kind="B"), self.new(kind="C", client=worker)
        below = self.new({"in": {"$ref": a}}, "Below")
        for name in ("cache", 'odd "name"\n'):
            self.root(name, a)
        for name in range(200):
            self.root(f"n{name}", b)
        self.root("below", below)
        self.link(c, "in", b)
        for i in (a, b, below):
            self.drop(i)
        both = self.new(kind="Both", client=worker)
        self.root("both", both)
        shared = self.new(kind="Shared")
        for i in (a, b):
            self.link(i, "in", shared)
        self.drop(shared)
        self.take()
        session = {"session": doc["id"], "label": "worker-7"}
        holders = {x["id"]: x["holders"] for x in self.level(1)["items"] if "id" in x}
        self.assertEqual(len([x for x in holders[b] if x["root"][0] == "n"]), 10)
        self.assertEqual((holders[both], holders[shared]), ([session, {"root": "both"}], []))
        by_root = {x["id"]: x["holders"] for x in self.level(1, "?under=roots")["items"]}
        self.assertEqual(by_root, {a: [{"root": "cache"}, {"root": 'odd "name"\n'}], below: [{"root": "below"}]})
        self.assertEqual([x["holders"] for x in self.level(1, f"?under=session:{doc['id']}")["items"]], [[session]])
        self.assertEqual(self.level(1, f"?under={a}")["node"]["holders"], by_root[a])
        self.assertTrue(self.level(1, f"?under={b}")["node"]["more_holders"])
        self.assertTrue(all("holders" not in x for x in self.level(1, "?under=sessions")["items"]))

    def test_garbage_that_waits_is_unreached(self):
        self.ok(self.c.patch("/v1/gc", {"enabled": False}))
        a, b = self.new(kind="A"), self.new(kind="B")
        self.link(a, "to", b)
        self.link(b, "to", a)
        self.drop(a)
        self.drop(b)
        self.take()
        said = self.level(1)
        if said["unreached"]["objects"] == 0:       # a collector that never rests was there before
            self.skipTest("nothing is left to wait")
        self.assertEqual((said["unreached"]["objects"], said["node"]["retained"]["objects"]), (2, 0))
        alone = self.level(1, f"?under={a}")
        self.assertEqual((alone["node"]["retained"]["objects"], alone["items"]), (1, []))

    def test_it_is_kept_shown_and_deleted_with_the_snapshot(self):
        self.random_heap(9)
        self.take()
        before = self.ok(self.c.get("/v1/snapshots/1"))
        self.assertNotIn("dominators", before)
        self.level(1)
        after = self.ok(self.c.get("/v1/snapshots/1"))
        self.assertEqual((after["dominators"]["there"], after["dominators"]["done"]), (True, after["dominators"]["of"]))
        self.assertGreater(after["memory_bytes"], before["memory_bytes"])
        self.ok(self.c.delete("/v1/snapshots/1"))
        self.assertTrue(eventually(lambda: self.heap()["bytes"]["snapshots"] == 0))
        self.problem(self.c.get("/v1/snapshots/1/dominators"), 404, "no-such-name")


class Folded(Trees):
    def stacks(self, n):
        lines = self.raw(n, "folded").decode().split("\n")[:-1]   # U+2028 ends no line here
        stacks = Counter()
        for line in lines:
            path, bytes = line.rsplit(" ", 1)
            self.assertNotIn(" ", path)
            stacks[tuple(map(unquote, path.split(";")))] += int(bytes)
        self.assertEqual(len(stacks), len(lines))
        return stacks

    def test_a_frame_has_what_its_objects_retain(self):
        cache = self.new(kind="Cache")
        self.root("cache", cache)
        for i in range(30):
            self.link(cache, f"e{i}", self.new({"text": {"$ref": self.new({"n": i}, "Text")}}, "Entry"))
        for i in self.done(["get", cache])[0]["fields"].values():
            self.drop(self.doc(i["$ref"])["fields"]["text"]["$ref"])
            self.drop(i["$ref"])
        self.drop(cache)
        self.take()
        stacks = self.stacks(1)
        self.assertEqual(set(stacks), {("(roots)", "Cache"), ("(roots)", "Cache", "Entry"), ("(roots)", "Cache", "Entry", "Text")})
        self.assertEqual(sum(stacks.values()), self.heap()["bytes"]["live"])
        below = sum(v for k, v in stacks.items() if k[:3] == ("(roots)", "Cache", "Entry"))
        self.assertEqual(below, sum(x["retained"]["bytes"] for x in self.level(1, f"?under={cache}")["items"]))

    def test_names_may_be_anything(self):
        names = ["a;b", "a b", "50%3B", "new\nline", "\u00fc\u2028\U0001f600", "tab\t", " "]
        for name in names:
            self.new(kind=name)
        self.take()
        self.assertEqual({path[-1] for path in self.stacks(1)}, set(names))
        self.assertTrue(all(path[:-1] == ("(sessions)", "session:default") for path in self.stacks(1)))

    def test_the_longest_line_fits(self):
        names = [";" * 255, "%" * 255]
        ops = [["new", names[0], {}]] + [["new", names[i % 2], {"to": {"$ref": f"@{i - 1}"}}] for i in range(1, 100)]
        self.done(*ops, ["root", "deep", "@99"])
        self.take()
        stacks = self.stacks(1)
        self.assertEqual((len(stacks), max(map(len, stacks))), (63, 64))
        self.assertEqual(sum(stacks.values()), self.heap()["bytes"]["live"])

    def test_an_empty_heap_has_no_lines(self):
        self.take()
        self.assertEqual(self.raw(1, "folded"), b"")


class Suspects(HeapctlTest, Trees):
    """A registry that listeners never leave, a cache that turns over, and a page of drafts."""

    def suspects(self, query=""):
        return self.ok(self.c.get(f"/v1/snapshots/{query}"))["items"]

    def serve(self, requests):
        sited = self.client(**{"Heapd-Site": "app.py:12"})
        for _ in range(requests):
            listener = self.new({"on": "change", "payload": "x" * 60}, "Listener", client=sited)
            self.ok(self.c.post(f"/v1/objects/{self.bus}/items", {"$ref": listener}), 201)
            self.drop(listener)
            entry = self.new({"text": "y" * 60}, "Entry")
            self.link(self.cache, f"e{entry % 8}", entry)
            self.drop(entry)

    def setUp(self):
        super().setUp()
        self.app, self.bus, self.cache = self.new(kind="App"), self.new(items=[], kind="Bus"), self.new(kind="Cache")
        self.root("app", self.app)
        for name, i in (("bus", self.bus), ("cache", self.cache)):
            self.link(self.app, name, i)
            self.drop(i)
        self.drop(self.app)
        self.serve(20)

    def test_what_has_grown_is_named_with_its_point_and_site(self):
        self.take()
        self.serve(200)
        self.take()
        said, = self.suspects("2/suspects?since=1")
        self.assertEqual((said["id"], said["point"]["id"], said["point"]["most"]), (self.app, self.bus, "Listener"))
        self.assertEqual(said["holders"], [{"root": "app"}])
        self.assertEqual((said["point"]["most_site"], said["point"]["children"]), ("app.py:12", 220))
        grown = self.level(2)["node"]["retained"]["bytes"] - self.level(1)["node"]["retained"]["bytes"]
        self.assertAlmostEqual(said["gained"], grown, delta=grown / 20)
        for word in (f'App {self.app} (root "app") has gained', f"accumulated in Bus {self.bus}", "keeps 220 alive, most of them Listener", "since snapshot 1"):
            self.assertIn(word, said["sentence"])
        path = said["more"][0].split("4327}")[1].rstrip('"')
        self.assertEqual(self.ok(self.c.get(path))["node"]["id"], self.bus)
        self.assertEqual(self.suspects("1/suspects?since=2"), [])
        self.assertEqual(self.ok(self.c.get("/v1/heap/suspects?snapshot=2&since=1")), {"items": [said], "next": None})
        self.assertEqual(self.ok(self.c.get("/v1/heap/suspects?snapshot=2"))["items"], self.suspects("2/suspects"))
        self.heapctl_says_so(said)

    def heapctl_says_so(self, said):
        words = self.ctl("suspects", "--snapshot", 2, "--since", 1).splitlines()
        self.assertEqual(words, [said["sentence"], *("    " + line for line in said["more"])])
        self.assertIn("Nobody is to blame", self.ctl("suspects", "--snapshot", 1, "--since", 2))
        self.refused(1, "suspects", "--snapshot", 7, says="no snapshot 7")
        for words in (["--since", 1], ["--snapshot", "x"], ["--snapshot", 2, "--since", "1&x"], ["all"]):
            self.refused(2, "suspects", *words)

    def test_who_only_turns_over_is_no_suspect(self):
        self.take()
        for i in range(200):
            entry = self.new({"text": "z" * 60}, "Entry")
            self.link(self.cache, f"e{i % 8}", entry)
            self.drop(entry)
        self.take()
        self.assertEqual(self.suspects("2/suspects?since=1"), [])
        self.assertEqual(self.suspects("2/suspects?since=2"), [])
        self.assertEqual(self.suspects("2/suspects")[0]["id"], self.app)       # by size alone it is

    def test_a_session_that_hoards_is_named(self):
        _, worker = self.session(label="hoarder")
        self.take()
        for _ in range(150):
            self.new({"text": "d" * 60}, "Draft", client=worker)
        self.take()
        said, = self.suspects("2/suspects?since=1")
        self.assertEqual((said["label"], said["point"]["label"], said["point"]["most"]), ("hoarder", "hoarder", "Draft"))
        self.assertIn("(hoarder) has gained", said["sentence"])

    def test_verdicts_are_in_pages(self):
        self.take()
        for label in ("left", "right"):
            _, worker = self.session(label=label)
            for _ in range(100):
                self.new({"text": "d" * 60}, "Draft", client=worker)
        self.take()
        left, right = self.suspects("2/suspects?since=1")
        page = self.ok(self.c.get("/v1/heap/suspects?snapshot=2&since=1&limit=1"))
        self.assertEqual(page["items"], [left])
        self.assertEqual(self.ok(self.c.get(f"/v1/heap/suspects?snapshot=2&since=1&limit=1&cursor={page['next']}")),
                         {"items": [right], "next": None})
        self.assertEqual(self.suspects("2/suspects?since=1&cursor=2"), [])

    def test_many_sessions_of_one_label_are_named_together(self):
        self.take()
        site = {"Heapd-Site": "job.py:9"}
        for _ in range(30):
            _, worker = self.session(label="batch job")
            for _ in range(20):
                self.ok(worker.post("/v1/objects", {"class": "Row", "fields": {"n": 1}}, site), 201)
        self.take()
        said, = self.suspects("2/suspects?since=1")
        self.assertEqual((said["label"], said["count"], said["retained"]["objects"]), ("batch job", 30, 600))
        self.assertEqual((said["point"]["label"], said["point"]["most"], said["point"]["most_site"]), ("batch job", "Row", "job.py:9"))
        self.assertIn("30 sessions (batch job) together have gained", said["sentence"])
        self.assertIn("alone keeps 20 alive, most of them Row.", said["sentence"])
        path = said["more"][0].split("4327}")[1].rstrip('"')
        self.assertEqual(len(self.ok(self.c.get(path))["items"]), 20)

    def test_sessions_may_have_no_label(self):
        for _ in range(30):
            worker = self.client(self.ok(self.c.post("/v1/sessions", {"ttl": 60}), 201)["token"])
            for _ in range(20):
                self.new({"n": 1}, "Row", client=worker)
        self.take()
        self.assertIn("30 sessions without a label together retain", " ".join(s["sentence"] for s in self.suspects("1/suspects")))
        for _ in range(400):
            self.new({"n": 1}, "Row", client=worker)
        self.take()
        said = self.suspects("2/suspects?since=1")[0]
        self.assertRegex(said["sentence"], f"^session {said['session']} has gained")

    def test_the_other_snapshot_must_be_there(self):
        self.take()
        self.problem(self.c.get("/v1/snapshots/1/suspects?since=2"), 404, "no-such-name")
        self.problem(self.c.get("/v1/snapshots/2/suspects"), 404, "no-such-name")
        for query in ("snapshot=2", "snapshot=1&since=2", "snapshot=0", "snapshot=x", "snapshot=", "snapshot=99999999999"):
            self.problem(self.c.get(f"/v1/heap/suspects?{query}"), 404, "no-such-name")
        said = self.problem(self.c.get("/v1/heap/suspects?snapshot="), 404, "no-such-name")
        self.assertIn('no snapshot ""', said["detail"])
        self.problem(self.c.get("/v1/heap/suspects?since=1"), 422, "bad-value")
        self.problem(self.c.get("/v1/heap/suspects?snapshot=1&limit=0"), 422, "bad-value")


class Outside(HeapctlTest, Trees):
    """Two outside programs, node by node, on a snapshot of Node that went in and came out again."""

    def install(self):
        said = subprocess.run([ROOT / "tests/npm"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=ORACLE_SECONDS)
        if said.returncode != 0:
            print(f"not compared with DevTools and memlab: {said.stdout.strip()[-300:]}", file=sys.stderr)
            self.skipTest(said.stdout.strip()[-300:])

    def oracle(self, program, file):
        done = subprocess.run(["node", Path(__file__).with_name("oracle.mjs"), program, ROOT / "build-npm/node_modules", file],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=ORACLE_SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr[-1000:])
        return {i: (up, size) for i, up, size in (map(int, line.split()) for line in done.stdout.splitlines())}

    def test_devtools_and_memlab_find_the_same_dominators_and_sizes(self):
        self.install()
        self.ctl_json("import", NODE20, "--root", "node")
        self.take()
        file = Path(self.enterContext(tempfile.TemporaryDirectory())) / "heapd.heapsnapshot"
        file.write_bytes(self.raw(1, "heapsnapshot"))
        _, lines, ids = self.links(1)
        ours = {k: (up or "outside", bytes) for k, (up, bytes, _) in self.tree(1).items()}
        self.assertGreater(len(ours), 39000)
        for program in ("toolkit", "memlab"):
            theirs = {ids[i]: (ids[up], size) for i, (up, size) in self.oracle(program, file).items() if ids[i] != "outside"}
            wrong = [(k, ours.get(k), theirs.get(k)) for k in theirs if ours.get(k) != theirs.get(k)]
            self.assertEqual((wrong[:5], len(theirs)), ([], len(ours)), f"{program}: {len(wrong)} of {len(ours)} nodes differ")


if __name__ == "__main__":
    unittest.main()

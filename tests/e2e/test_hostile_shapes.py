"""
test_hostile_shapes.py - everything that looks at the whole heap, on shapes that break what recurses or is quadratic.

A chain and a star of a million, ladders (2^n ways lead down them), graphs in which everybody links to everybody, cycles with
two ways in. Each is asked why its end is alive, what it retains, who dominates whom, and written in every form.
"""
import json
import unittest

from heapd_test import STRESSED, HeapdTest

SIZE = 20000 if STRESSED else 1000000
HALF = SIZE // 20


def ref(n):
    return f'{{"$ref":"@{n}"}}'


class Shapes(HeapdTest):
    fresh = True

    def build(self, lines):
        """A batch whose lines name the top a root; of the end the class is End. Their ids."""
        said = self.c.post("/v1/batch?reply=summary", "\n".join(lines) + "\n")
        self.assertEqual(json.loads(said.raw)["failed"], 0, said.raw[:500])
        self.objects = self.heap()["objects"]
        return self.ok(self.c.get("/v1/roots/top"))["$ref"], self.ok(self.c.get("/v1/objects?class=End"))["items"][0]["id"]

    def looks_whole(self, top, end, children, shortest, chains):
        """`children`: whom the top dominates immediately; `shortest`: objects on the way to the end."""
        live = self.heap()["bytes"]["live"]
        all_of_it = {"objects": self.objects, "bytes": live}
        self.assertEqual(self.ok(self.c.get(f"/v1/objects/{top}/retained")), {"id": top, **all_of_it, "exact": True})
        said = self.c.get(f"/v1/objects/{end}/why?paths={chains}")
        self.assertEqual((said.status, said.raw.count(b'{"root":"top"}')), (200, chains))
        self.assertEqual(said.raw.partition(b"]")[0].count(b'"field"') + said.raw.partition(b"]")[0].count(b'"item"'), shortest)
        taken = self.ok(self.c.post("/v1/snapshots"), 201)
        self.assertEqual((taken["objects"], taken["links"]), (self.objects, self.heap()["links"]))
        level = self.ok(self.c.get(f"/v1/snapshots/1/dominators?under={top}&limit=1"))
        self.assertEqual((level["node"]["retained"], level["node"]["children"]), (all_of_it, children))
        self.assertEqual(level["node"]["holders"], [{"root": "top"}])
        self.assertEqual(self.ok(self.c.get("/v1/snapshots/1/suspects"))["items"][0]["id"], top)
        self.is_written_whole(live)

    def is_written_whole(self, live):
        folded = self.c.get("/v1/snapshots/1?format=folded").raw.decode().splitlines()
        self.assertEqual(sum(int(line.rpartition(" ")[2]) for line in folded), live)
        self.assertLessEqual(max(line.count(";") for line in folded), 63)
        self.assertEqual(self.c.get("/v1/snapshots/1?format=ndjson").raw.count(b"\n"), self.objects)
        chrome = self.c.get("/v1/snapshots/1?format=heapsnapshot").raw
        self.assertTrue(chrome.startswith(b'{"snapshot":{') and chrome.rstrip().endswith(b"]}"))
        self.assertIn(b'"node_count":%d' % (self.objects + 5), chrome[:2000])   # the outside, roots, sessions, batches, garbage
        self.assertEqual(set(self.ok(self.c.get("/v1/snapshots/1/diff/1"))["growth"].values()), {0})

    def test_a_chain(self):
        lines = ['["new","End",{}]', *(f'["new","Link",{{"next":{ref(n)}}}]' for n in range(SIZE - 1)), f'["root","top","@{SIZE - 1}"]']
        top, end = self.build(lines)
        self.looks_whole(top, end, 1, SIZE - 1, 1)

    def test_a_star(self):
        """All it has links back, too."""
        lines = ['["list",[]]', '["root","top","@0"]', '["new","End",{}]', '["push","@0",' + ref(2) + "]"]
        for n in range(4, 2 * SIZE, 2):
            lines += [f'["new","Leaf",{{"hub":{ref(0)}}}]', f'["push","@0",{ref(n)}]']
        top, end = self.build(lines)
        self.looks_whole(top, end, self.objects - 1, 1, 1)

    def test_a_ladder(self):
        lines = ['["new","End",{}]', '["new","Rung",{}]']
        for n in range(0, 2 * HALF, 2):
            lines += [f'["new","Rung",{{"left":{ref(n)},"right":{ref(n + 1)}}}]'] * 2
        top, end = self.build([*lines, f'["new","Top",{{"left":{ref(2 * HALF)},"right":{ref(2 * HALF + 1)}}}]', f'["root","top","@{2 * HALF + 2}"]'])
        self.looks_whole(top, end, 2 * HALF + 2, HALF + 1, 2)

    def test_everybody_links_to_everybody(self):
        many = 40 if STRESSED else 300
        lines = ['["new","End",{}]', *(['["new","Node",{}]'] * (many - 1)), '["new","Top",{}]', f'["root","top","@{many}"]']
        lines += [f'["set","@{a}","f{b}",{ref(b)}]' for a in range(many + 1) for b in range(many) if a != b]
        top, end = self.build(lines)
        self.looks_whole(top, end, many, 1, many)

    def test_cycles_with_two_ways_in(self):
        """From the top into both ends of each pair, which hold each other, and a pair further down."""
        many = HALF
        lines = ['["new","Top",{}]', '["root","top","@0"]', '["new","End",{}]', '["new","B",{}]']
        lines += [f'["set","@2","b",{ref(3)}]', f'["set","@3","a",{ref(2)}]', f'["set","@0","a",{ref(2)}]', f'["set","@0","b",{ref(3)}]']
        at = len(lines)
        for _ in range(many):
            lines += ['["new","A",{"down":' + ref(2) + "}]", f'["new","B",{{"a":{ref(at)}}}]', f'["set","@{at}","b",{ref(at + 1)}]',
                      f'["set","@0","a{at}",{ref(at)}]', f'["set","@0","b{at}",{ref(at + 1)}]']
            at += 5
        top, end = self.build(lines)
        self.looks_whole(top, end, self.objects - 1, 1, 3)


if __name__ == "__main__":
    unittest.main()

"""deploy/SCHEMA.md is true: it names every table and column there is and no other, and each of its queries finds something."""
import os
import pathlib
import re
import sqlite3
import unittest
from contextlib import closing

from store_test import StoreTest

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "deploy/SCHEMA.md"


def tables():
    """{table: [column, ..]} as the document says."""
    found, names = {}, []
    for line in DOCUMENT.read_text().split("## Tables")[1].split("## Queries")[0].splitlines():
        if line.startswith("**"):
            names = re.findall(r"\*\*(\w+)\*\*", line)
            found.update({name: [] for name in names})
        elif m := re.match(r"\| `(\w+)` \|", line):
            for name in names:
                found[name].append(m[1])
    return found


def queries():
    return re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.S)


class Schema(StoreTest):
    def rows(self, query):
        with closing(sqlite3.connect(f"file:{self.data}/heap.db?mode=ro", uri=True)) as db:
            return db.execute(query).fetchall()

    def test_every_table_and_column_is_documented(self):
        names = [n for n, in self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        self.assertEqual(sorted(tables()), names)
        for name in names:
            self.assertEqual(tables()[name], [c[1] for c in self.rows(f"PRAGMA table_xinfo({name})")], name)
        self.assertIn(f"version {self.rows('PRAGMA user_version')[0][0]} of the schema", DOCUMENT.read_text())

    def fill(self):
        site = self.client(**{"Heapd-Site": "main.c:7"})
        node = self.new({"name": "first", "next": None}, client=site)
        items = self.new(items=[{"$ref": node}, *range(4000)], root="list")
        self.link(node, "next", items)
        self.ok(self.c.post("/v1/objects", os.urandom(99), {"Content-Type": "application/octet-stream"}), 201)
        dead = self.new()
        self.ok(self.c.put("/v1/weak/was", {"$ref": dead}), 200, 201)
        self.drop(dead)
        _, other = self.session(label="worker")
        self.new(client=other)
        self.ok(self.c.post("/v1/sessions", None, {"Idempotency-Key": "k"}), 201)
        self.ok(self.c.patch("/v1/config?persist=true", {"pipeline_max": 7}))
        return node, items

    def test_every_query_finds_what_it_says(self):
        node, items = self.fill()
        said = dict.fromkeys(queries())
        self.assertGreaterEqual(len(said), 12)
        log = next(q for q in said if "FROM log ORDER" in q)
        self.assertTrue(self.rows(log)[0][1].startswith('["setting","pipeline_max",7]'))
        self.fold()
        for query in said:
            said[query] = self.rows(query)
            self.assertTrue(said[query] or query == log, query)
        found = list(said.values())
        self.assertIn([("pipeline_max", "7")], found)
        self.assertIn([("was",)], found)
        self.assertIn([(node, "first")], found)
        answers = next(rows for q, rows in said.items() if "FROM answers" in q)
        self.assertEqual(answers[0][0], 201)
        self.assertLess(abs(answers[0][2]), 60)
        links = next(rows for q, rows in said.items() if "AS target" in q)
        self.assertEqual(sorted((a, b) for a, _, b in links), sorted([(items, node), (node, items)]))
        self.assertIn([("root list",), (f"Node {node}",)], found)


if __name__ == "__main__":
    unittest.main()

"""
Nothing that was answered is lost, however often it is killed: writers with a model of what was acknowledged, kill -9 at a
random moment, again, compare.

HEAPD_TEST_LONG: a thousand times, not 25. HEAPD_TEST_SEED: the first seed; a failure names its own.
"""
import http.client
import json
import os
import random
import threading
import time
import unittest

from heapd_test import Client
from store_test import StoreTest

CYCLES = 1000 if "HEAPD_TEST_LONG" in os.environ else 25
SEED = int(os.environ.get("HEAPD_TEST_SEED", random.randrange(10**6)))
WRITERS = 6


class Cut(Exception):
    """The answer did not come: it was done, or not."""


class Writer(threading.Thread):
    """One client, with objects that nobody else changes. `sure` is what was answered; `maybe` is that, or what a request
    that was not answered would have made of it."""

    def __init__(self, number, seed, state):
        super().__init__(daemon=True)
        self.number, self.dice = number, random.Random(seed)
        self.state, self.ids, self.dead = state, set(), set()
        self.maybe = None

    def run(self):
        try:
            while True:
                self.step()
        except Cut:
            pass

    def ask(self, method, path, body=None):
        try:
            return self.client.request(method, path, body)
        except (http.client.HTTPException, OSError, ValueError):
            raise Cut from None

    def step(self):
        s = self.state
        verbs = [self.make] if len(s) < 3 else [self.make, self.set, self.set, self.push, self.cut, self.forget, self.link, self.batch]
        self.dice.choice(verbs)()

    def next_name(self):
        return f"w{self.number}-{self.dice.randrange(10**9)}"

    def done(self, answer, after, *statuses):
        assert answer.status in statuses, (answer.status, answer.raw[:300])
        self.state, self.maybe = after, None

    def make(self):
        name, n = self.next_name(), self.dice.randrange(1000)
        after = {**self.state, name: {"n": n, "items": []}}
        self.maybe = after
        said = self.ask("POST", "/v1/objects", {"class": "K", "fields": {"n": n, "items": []}, "root": name})
        self.ids.add(said.json["id"])
        self.done(said, after, 201)

    def pick(self):
        return self.dice.choice(sorted(self.state))

    def changed(self, name, **fields):
        return {**self.state, name: {**self.state[name], **fields}}

    def id_of(self, name):
        return self.ask("GET", f"/v1/roots/{name}").json["$ref"]

    def set(self):
        name, n = self.pick(), self.dice.randrange(1000)
        i = self.id_of(name)
        after = self.maybe = self.changed(name, n=n)
        self.done(self.ask("PATCH", f"/v1/objects/{i}", {"n": n}), after, 200)

    def list_of(self, name):
        return self.ask("GET", f"/v1/objects/{self.id_of(name)}").json["fields"]["items"]["$ref"]

    def push(self):
        name, n = self.pick(), self.dice.randrange(1000)
        i = self.list_of(name)
        after = self.maybe = self.changed(name, items=[*self.state[name]["items"], n])
        self.done(self.ask("POST", f"/v1/objects/{i}/items", json.dumps(n)), after, 201)

    def cut(self):
        name = self.pick()
        items = self.state[name]["items"]
        if items:
            at = self.dice.randrange(len(items))
            i = self.list_of(name)
            after = self.maybe = self.changed(name, items=items[:at] + items[at + 1:])
            self.done(self.ask("DELETE", f"/v1/objects/{i}/items/{at}"), after, 204)

    def forget(self):
        name = self.pick()
        i = self.id_of(name)
        after = self.maybe = {k: v for k, v in self.state.items() if k != name}
        said = self.ask("DELETE", f"/v1/roots/{name}")
        self.done(said, after, 200, 204)
        if self.ask("GET", f"/v1/objects/{i}").status == 410:
            self.dead.add(i)

    def link(self):
        """A cycle that nobody holds: garbage, for a collection to find, sooner or later."""
        said = self.ask("POST", "/v1/objects", {"class": "Cycle", "fields": {}})
        i = said.json["id"]
        self.ids.add(i)
        self.ask("PUT", f"/v1/objects/{i}/fields/self", json.dumps({"$ref": i}))
        self.ask("DELETE", f"/v1/objects/{i}")
        if self.dice.random() < 0.2:
            self.ask("POST", "/v1/gc/collect", {"generation": 2})
            if self.ask("GET", f"/v1/objects/{i}").status == 410:
                self.dead.add(i)

    def batch(self):
        """Several at once: a batch that is cut has done a part of it, so only what it says as one is looked at."""
        name, n = self.next_name(), self.dice.randrange(1000)
        after = self.maybe = {**self.state, name: {"n": n, "items": [n, n]}}
        ops = [["list", [n, n]], ["new", "K", {"n": n, "items": {"$ref": "@0"}}], ["root", name, "@1"]]
        said = self.ask("POST", "/v1/batch", "\n".join(map(json.dumps, ops)))
        lines = [json.loads(line) for line in said.raw.splitlines()]
        assert lines[-1] == {"done": 3, "failed": 0}, lines
        self.ids |= {lines[0]["id"], lines[1]["id"]}
        self.done(said, after, 200)


class Killed(StoreTest):
    def shown(self, number):
        """What is there of a writer's, as its model has it."""
        state = {}
        for root in self.pages(f"/v1/roots?prefix=w{number}-", limit=1000):
            fields = self.doc(root["$ref"])["fields"]
            items = self.ok(self.c.get(f"/v1/objects/{fields['items']['$ref']}"))["items"]
            state[root["name"]] = {"n": fields["n"], "items": items}
        return state

    def check(self, w, seed):
        now = self.shown(w.number)
        self.assertIn(now, [w.state] + [w.maybe] * (w.maybe is not None), f"writer {w.number}, seed {seed}")
        for i in self.dice.sample(sorted(w.dead), min(20, len(w.dead))):
            self.assertEqual(self.c.get(f"/v1/objects/{i}").status, 410, f"object {i} is back from the dead, seed {seed}")
        return now

    def new_ids(self, seed, known):
        made = {self.new() for _ in range(30)}
        self.assertEqual(made & known, set(), f"ids are given twice, seed {seed}")
        for i in made:
            self.drop(i)
        return made

    def test_nothing_that_was_answered_is_lost(self):
        states, known, dead = [{} for _ in range(WRITERS)], set(), [set() for _ in range(WRITERS)]
        for seed in range(SEED, SEED + CYCLES):
            self.dice = random.Random(seed)
            writers = [Writer(n, f"{seed}/{n}", states[n]) for n in range(WRITERS)]
            for w in writers:
                w.dead = dead[w.number]
                w.client = Client(self.daemon)
                w.start()
            time.sleep(self.dice.choice([0.05, 0.2, 0.5, 0.9]))
            self.kill()
            for w in writers:
                w.join(30)
                w.client.close()
            self.start()
            self.validate_clean()
            states = [self.check(w, seed) for w in writers]
            for w in writers:
                known |= w.ids
            known |= self.new_ids(seed, known)


if __name__ == "__main__":
    unittest.main()

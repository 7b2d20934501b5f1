"""
Nothing that was answered is lost, however often it is killed: writers with a model of what was acknowledged, kill -9 at a
random moment, again, compare. Those who say Idempotency-Key ask again for the answer they did not get.

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
KILLS_A_STORE = 50              # then another, for all that is there is looked at after each
WRITERS = 6
MANY = "many"  # how the names begin that a long batch makes


def lines(ops):
    return "\n".join(map(json.dumps, ops))


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
        self.asked = None      # with a key, and how it was answered, as far as that is known
        self.settled = []      # the last of those that were answered, in this life or an earlier one

    def run(self):
        try:
            while True:
                self.step()
        except Cut:
            pass

    def ask(self, method, path, body=None, headers=None):
        try:
            return self.client.request(method, path, body, headers or {})
        except (http.client.HTTPException, OSError, ValueError):
            raise Cut from None

    def step(self):
        s = self.state
        verbs = [self.make] if len(s) < 3 else [self.make, self.set, self.set, self.push, self.cut, self.forget, self.link, self.batch, self.keyed,
                                                  self.keyed]
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
        said = self.ask("POST", "/v1/batch", lines(ops))
        told = [json.loads(line) for line in said.raw.splitlines()]
        assert told[-1] == {"done": 3, "failed": 0}, told
        self.ids |= {told[0]["id"], told[1]["id"]}
        self.done(said, after, 200)

    def keyed(self):
        """One of several requests with a key. What it makes is counted: that it was done twice would be seen."""
        name, n = self.next_name(), self.dice.randrange(1000)
        root = {name: {"n": n, "items": [n]}}
        ops = [["list", [n]], ["new", "K", {"n": n, "items": {"$ref": "@0"}}], ["root", name, "@1"]]
        many = [["root", f"{MANY}{self.number}-{name}-{i}", "@0"] for i in range(self.dice.choice([10, 600, 3000]))]
        path, body, after = self.dice.choice([
            ("/v1/objects", {"class": "K", "fields": {"n": n, "items": [n]}, "root": name}, {**self.state, **root}),
            ("/v1/batch?atomic=true", lines(ops), {**self.state, **root}),
            ("/v1/batch?reply=summary", lines([["list", []], *many]), self.state),
            ("/v1/objects", {"class": n, "root": name}, self.state)])
        key = f"{self.number}-{self.dice.randrange(10**12)}"
        self.maybe = after
        self.asked = Asked(key, path, body, f"{MANY}{self.number}-{name}-", self.state, after)
        said = self.ask("POST", path, body, {"Idempotency-Key": key})
        self.asked.answer = said
        self.settled = [*self.settled[-20:], self.asked]
        self.asked = None
        self.done(said, after, 200, 201, 422)


class Asked:
    """A request with a key, and what it is about."""

    def __init__(self, key, path, body, many, before, after):
        self.key, self.path, self.body, self.many, self.before, self.after = key, path, body, many, before, after
        self.answer = None

    def again(self, client):
        return client.request("POST", self.path, self.body, {"Idempotency-Key": self.key})


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

    def check_keys(self, w, now, seed):
        """Who had an answer gets it again; who had none is told what is there, or it is done now. Never twice."""
        for asked in self.dice.sample(w.settled, min(20, len(w.settled))):
            again = asked.again(self.c)
            self.assertEqual((again.status, again.raw), (asked.answer.status, asked.answer.raw), f"seed {seed}")
            self.assertEqual(again.headers.get("idempotent-replayed"), "true", f"seed {seed}")
        if w.asked is None:
            return now
        was = len(self.pages(f"/v1/roots?prefix={w.asked.many}", limit=1000))
        said = w.asked.again(self.c)
        known = said.headers.get("idempotent-replayed") == "true"
        self.assertIn(said.status, (200, 201, 422), f"seed {seed}: {said.raw}")
        is_many = "reply=summary" in w.asked.path
        made = len(self.pages(f"/v1/roots?prefix={w.asked.many}", limit=1000)) if is_many else 0
        if is_many:
            self.assertEqual(json.loads(said.raw)["done"], made + 1, f"seed {seed}: {said.raw}")
        if known:
            self.assertEqual((now, made), (w.asked.after, was), f"seed {seed}")
        else:
            self.assertEqual((now, was), (w.asked.before, 0), f"seed {seed}: it was done, and its answer is not there")
        now = self.shown(w.number)
        self.assertEqual(now, w.asked.after, f"seed {seed}")
        w.asked.answer = said
        w.settled.append(w.asked)
        self.replays[known] += 1
        return now

    def new_ids(self, seed, known):
        made = {self.new() for _ in range(30)}
        self.assertEqual(made & known, set(), f"ids are given twice, seed {seed}")
        for i in made:
            self.drop(i)
        return made

    def forget_many(self):
        names = [r["name"] for r in self.pages(f"/v1/roots?prefix={MANY}", limit=1000)]
        for at in range(0, len(names), 1000):
            self.ok(self.c.post("/v1/batch?reply=summary", lines([["unroot", n] for n in names[at:at + 1000]])))

    def live(self, seeds):
        """One store, killed once a seed."""
        states, known, dead = [{} for _ in range(WRITERS)], set(), [set() for _ in range(WRITERS)]
        settled = [[] for _ in range(WRITERS)]
        for seed in seeds:
            self.dice = random.Random(seed)
            writers = [Writer(n, f"{seed}/{n}", states[n]) for n in range(WRITERS)]
            for w in writers:
                w.dead, w.settled = dead[w.number], settled[w.number]
                w.client = Client(self.daemon)
                w.start()
            time.sleep(self.dice.choice([0.05, 0.2, 0.5, 0.9]))
            self.kill()
            for w in writers:
                w.join(30)
                w.client.close()
            self.start()
            self.validate_clean()
            states = [self.check_keys(w, self.check(w, seed), seed) for w in writers]
            settled = [w.settled for w in writers]
            self.forget_many()
            for w in writers:
                known |= w.ids
            known |= self.new_ids(seed, known)

    def test_nothing_that_was_answered_is_lost(self):
        self.replays = {False: 0, True: 0}
        for first in range(SEED, SEED + CYCLES, KILLS_A_STORE):
            if first > SEED:
                self.stop()
                self.begin()
            self.live(range(first, min(first + KILLS_A_STORE, SEED + CYCLES)))
            if "HEAPD_TEST_LONG" in os.environ:
                print(f"kills survived: {min(first + KILLS_A_STORE, SEED + CYCLES) - SEED}", flush=True)
        print(f"{CYCLES} kills; of requests with a key that were not answered, {self.replays[True]} had been done and "
              f"{self.replays[False]} had not")


if __name__ == "__main__":
    unittest.main()

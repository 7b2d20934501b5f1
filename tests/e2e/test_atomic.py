"""test_atomic.py - batches that are done whole or not at all."""
import base64
import json
import random
import threading
import unittest

from heapd_test import HeapdTest, eventually

MIB = 1 << 20


class Atomic(HeapdTest):
    def atomic(self, *ops, query="", client=None):
        """All answers, the summary last; every op must be done."""
        *said, summary = self.batch(*ops, query="?atomic=true" + query, client=client)
        self.assertEqual(summary, {"done": len(ops), "failed": 0})
        return said

    def say(self, *ops, client=None):
        lines = [op if isinstance(op, str) else json.dumps(op) for op in ops]
        return (client or self.c).post("/v1/batch?atomic=true", "".join(f"{x}\n" for x in lines))

    def fails(self, ops, at, status, name, client=None):
        """The op with number `at` fails, and nothing has changed."""
        before = self.everything()
        said = self.problem(self.say(*ops, client=client), status, name)
        self.assertEqual(said["line"], at, said)
        self.assertEqual(self.everything(), before, ops)
        return said

    def everything(self):
        """Every document in full with its ETag, every name, every hold."""
        docs = [x["id"] for x in self.pages("/v1/objects")]
        said = [self.c.get(f"/v1/objects/{i}") for i in docs]
        whole = [(x.json, list(x.json.get("fields", {})), x.headers["etag"]) for x in said]
        return whole, *(self.pages(path) for path in ("/v1/roots", "/v1/weak", "/v1/sessions/0/holds"))

    def cast(self):
        a = self.new({"z": 1, "a": "x", "m": {"deep": [1]}})
        b = self.new(items=[1, {"$ref": a}, "three"])
        c = self.new({f"f{n:03}": n for n in range(50)})
        d = self.new({"only": "a root"}, root="d")
        self.c.put("/v1/weak/w", {"$ref": d})
        return a, b, c, d

    def every_verb(self):
        a, b, c, d = self.cast()
        return [["new", "A", {"x": {"y": [{}]}}], ["list", [1, [2]]], ["bytes", base64.b64encode(b"abc").decode()],
                ["set", a, "z", {"$ref": "@0"}], ["set", a, "m", None], ["set", a, "new", [1, {"$weak": b}]], ["unset", a, "a"],
                ["set", b, 1, {"$ref": "@1"}], ["push", b, {"$ref": "@2"}], ["unset", c, "f010"], ["set", c, "f010", 1],
                ["set", c, "f049", {"$ref": a}], ["unset", c, "f000"], ["hold", d], ["drop", a], ["root", "d", c], ["root", "new", "@0"],
                ["unroot", "d"], ["weak", "w", b], ["weak", "new", "@0"], ["get", c], ["is", b, 0, 1]]


class Undone(Atomic):
    fresh = True

    def test_whichever_op_fails_all_before_it_are_undone(self):
        ops = self.every_verb()
        for at in range(len(ops) + 1):
            self.fails([*ops[:at], ["get", 9007199254740001], *ops[at:]], at, 404, "no-such-object")
        self.atomic(*ops)
        self.validate_clean()

    def test_the_status_is_that_of_the_op(self):
        a, b, _, d = self.cast()
        dead, (_, client) = self.dead_id(), self.session()
        for op, status, name in ((["get", dead], 410, "collected"), (["unset", a, "no"], 404, "no-such-name"),
                                 (["set", a, "x", {"$ref": dead}], 422, "dangling"), (["push", a, 1], 422, "wrong-kind"),
                                 (["is", a, "z", 2], 412, "changed"), (["drop", d], 409, "not-held"), (["collect"], 422, "bad-value"),
                                 (["nonsense"], 400, "bad-request"), ("{", 400, "bad-json"), (["new", ""], 422, "bad-value")):
            self.fails([["set", a, "z", 7], ["new", "A", {"x": {"$ref": b}}], op, ["unset", a, "a"]], 2, status, name, client=client)

    def test_refs_and_what_was_made_are_as_before(self):
        a, b, *_ = self.cast()
        before = self.heap()
        self.fails([["new", "N", {"to": [{"$ref": a}] * 100}]] * 50 + [["set", b, 0, {"$ref": "@3"}], ["unroot", "no"]], 51, 404,
                   "no-such-name")
        after = self.heap()
        self.assertEqual([after[x] for x in ("objects", "links", "roots")], [before[x] for x in ("objects", "links", "roots")])

    def test_large_objects_keep_order_and_etag(self):
        c, items = self.new({f"f{n:05}": n for n in range(5000)}), self.new(items=list(range(5000)))
        tags = [self.c.get(f"/v1/objects/{i}").headers["etag"] for i in (c, items)]
        names = [x["name"] for x in self.pages(f"/v1/objects/{c}/fields", limit=1000)]
        self.problem(self.say(*(["unset", c, f"f{n:05}"] for n in range(0, 5000, 7)), *(["set", c, f"f{n:05}", 0] for n in range(0, 5000, 14)),
                              *(["set", items, n, None] for n in range(0, 5000, 7)), *(["push", items, n] for n in range(500)),
                              ["nop"]), 400, "bad-request")
        self.assertEqual([x["name"] for x in self.pages(f"/v1/objects/{c}/fields", limit=1000)], names)
        self.assertEqual(self.pages(f"/v1/objects/{items}/items", limit=1000), list(range(5000)))
        self.assertEqual([self.c.get(f"/v1/objects/{i}").headers["etag"] for i in (c, items)], tags)

    def test_any_batch_that_fails_leaves_no_trace(self):
        dice = random.Random(4327)
        for _ in range(15):
            cast = self.cast()
            ops = [["new", "N", {}], ["list", [0]]]
            for _ in range(dice.randrange(60)):
                record, items = dice.choice((cast[0], cast[2], "@0")), dice.choice((cast[1], "@1"))
                value = dice.choice((None, 1, "x", [1, {}], {"$ref": record}, {"$weak": items}))
                ops.append(dice.choice((["set", record, f"f{dice.randrange(60):03}", value], ["push", items, value], ["set", items, 0, value],
                                        ["root", f"r{dice.randrange(3)}", items], ["weak", f"w{dice.randrange(3)}", record],
                                        ["hold", record], ["new", "N", {"v": value}], ["get", items])))
            self.fails([*ops, ["nop"]], len(ops), 400, "bad-request")
            self.atomic(*ops)
        self.validate_clean()


class Done(Atomic):
    def test_it_answers_as_a_plain_batch_does(self):
        i = self.new({"a": 1})
        shape = lambda said: [sorted(x) for x in said]
        ops = ["", ["new", "A", {"x": []}], ["set", i, "b", {"$ref": "@0"}], "  ", ["push", i, 1]]
        self.assertEqual(self.problem(self.say(*ops), 422, "wrong-kind")["line"], 2)    # blank lines do not count
        self.assertEqual(shape(self.batch(*ops[:4], query="?atomic=true")), shape(self.batch(*ops[:4])))
        self.assertEqual(self.batch(["get", i], query="?atomic=true&reply=summary"), [{"done": 1, "failed": 0}])
        self.assertEqual(self.batch(query="?atomic=true"), [{"done": 0, "failed": 0}])

    def test_nothing_dies_on_the_way(self):
        i, only = self.new({}), self.new({"only": 1}, root="only")
        self.atomic(["unroot", "only"], ["get", only], ["set", i, "kept", {"$ref": only}])
        self.assertEqual(self.doc(only)["refs"], 1)
        _, _, dropped = self.atomic(["hold", only], ["unset", i, "kept"], ["drop", only])
        self.assertEqual(dropped, {"alive": False})
        self.assertFalse(self.alive(only))

    def test_what_it_made_and_nothing_reaches_is_gone_at_its_end(self):
        kept, lost, *_ = self.atomic(["new", "A", {}], ["new", "A", {}], ["hold", "@0"])
        self.assertEqual((self.alive(kept["id"]), self.alive(lost["id"]), self.doc(kept["id"])["refs"]), (True, False, 1))

    def test_compare_and_set_loses_no_increment(self):
        i, done = self.new({"n": 0}), []

        def count():
            client = self.client()
            for _ in range(100):
                n = client.get(f"/v1/objects/{i}/fields/n").json
                said = self.say(["is", i, "n", n], ["set", i, "n", n + 1], client=client)
                if said.status == 412:
                    self.assertEqual(said.json["line"], 0)
                else:
                    self.assertEqual(said.status, 200, said.raw)
                    done.append(1)

        threads = [threading.Thread(target=count) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertGreaterEqual(len(done), 100)
        self.assertEqual(self.doc(i)["fields"]["n"], len(done))

    def test_nobody_sees_it_half_done(self):
        a, b = self.new({"n": 0}), self.new({"n": 0})
        stop = threading.Event()

        def write():
            client = self.client()
            for n in range(1, 60):
                self.say(["set", a, "n", n], *([["list", []]] * 300), ["set", b, "n", n], *([["nop"]] if n % 3 == 0 else []), client=client)
            stop.set()

        writer = threading.Thread(target=write)
        writer.start()
        while not stop.is_set():
            x, y = self.atomic(["get", a], ["get", b])
            self.assertEqual(x["fields"], y["fields"])
            self.assertTrue(x["fields"]["n"] % 3 or x["fields"]["n"] == 0)
        writer.join()


class Reading(Atomic):
    fresh = True

    def refused(self, answer, name, value):
        self.assertEqual(self.problem(answer, 413, "too-large")["limit"], {"name": name, "value": value})

    def test_at_most_atomic_ops_max(self):
        ops = [["list", []]] * 10000
        self.atomic(*ops, query="&reply=summary")
        self.fails([*ops, ["list", []]], 10000, 413, "too-large")
        self.ok(self.c.patch("/v1/config", {"atomic_ops_max": 2}))
        self.refused(self.say(*ops[:3]), "atomic_ops_max", 2)
        self.done(*ops[:3])

    def test_at_most_atomic_bytes_max(self):
        line = '["bytes","%s"]\n' % ("A" * 60000)
        lines = line * (MIB // len(line))
        self.assertEqual(self.c.post("/v1/batch?atomic=true", lines + "\n" * (MIB - len(lines))).status, 200)
        self.refused(self.c.post("/v1/batch?atomic=true", lines + "\n" * (MIB - len(lines) + 1)), "atomic_bytes_max", MIB)
        self.assertEqual(self.c.post("/v1/batch", lines + "\n" * MIB).status, 200)
        self.ok(self.c.patch("/v1/config", {"atomic_bytes_max": 1024}))
        self.refused(self.say(["new", "A", {"x": "y" * 1024}]), "atomic_bytes_max", 1024)
        chunked = self.wire().send(f"POST /v1/batch?atomic=true HTTP/1.1\r\nHost: {self.daemon.host}:{self.daemon.port}\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n401\r\n" + "\n" * 1025 + "\r\n0\r\n\r\n")
        self.assertEqual(chunked.answer().status, 413)

    def test_its_answers_are_bounded_too(self):
        i = self.new({"pad": "p" * 60000})
        said = self.problem(self.say(*([["get", i]] * 200)), 413, "too-large")
        self.assertEqual(said["limit"]["name"], "backlog_bytes_max")
        self.assertEqual(self.batch(*([["get", i]] * 200), query="?atomic=true&reply=summary"), [{"done": 200, "failed": 0}])

    def test_a_body_that_is_cut_has_done_nothing(self):
        i = self.new({})
        head = f"POST /v1/batch?atomic=true HTTP/1.1\r\nHost: {self.daemon.host}:{self.daemon.port}\r\n"
        for framing in ("Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n13\r\n"):
            w = self.wire()
            w.send(head + framing + f'["set",{i},"a",1]\n' + "\r\n" * ("chunked" in framing))
            self.assertEqual(self.doc(i)["fields"], {})                 # nor has it before
            w.close()
        self.assertTrue(eventually(lambda: self.c.get("/metrics").status == 200))
        self.assertEqual(self.doc(i)["fields"], {})

    def test_others_are_served_while_it_comes(self):
        i = self.new({})
        s = self.stream(query="?atomic=true")
        for n in range(50):
            s.chunk(b'["set",%d,"n",%d]\n' % (i, n))
            self.assertEqual(self.doc(i)["fields"], {})
        s.send("0\r\n\r\n")
        self.assertEqual([s.line() for _ in range(51)][-1], {"done": 50, "failed": 0})
        self.assertEqual(self.doc(i)["fields"], {"n": 49})

    def test_the_connection_serves_on_after_one_that_failed(self):
        w = self.wire()
        w.ask("POST", "/v1/batch?atomic=true", b'["nop"]\n')
        self.assertEqual(w.answer().status, 400)
        self.assertEqual(w.ask("GET", "/livez").answer().status, 200)

    def test_in_a_full_heap_it_fails_whole(self):
        a, b, *_ = self.cast()
        ops = [*([["set", a, "z", {"x": "y" * 100}]] * 200), *([["push", b, {"$ref": a}]] * 500), ["unroot", "d"],
               *([["list", [[]] * 1000]] * 150)]
        before, used = self.everything(), self.heap()["bytes"]
        self.ok(self.c.patch("/v1/config", {"memory_bytes_max": used["accounted"] + 2 * MIB}))
        self.problem(self.say(*ops), 507, "heap-full")
        self.ok(self.c.patch("/v1/config", {"memory_bytes_max": 0}))
        self.assertEqual(self.everything(), before)
        self.assertEqual(self.heap()["bytes"]["live"], used["live"])
        self.atomic(*ops)
        self.validate_clean()


if __name__ == "__main__":
    unittest.main()

"""test_batch.py - many operations in one request, streamed both ways, inside one scope."""
import base64
import json
import threading
import time
import unittest

from heapd_test import HeapdTest, eventually

LINE_MAX = 64 << 10


class Batch(HeapdTest):
    def fails(self, ops, at, status, name=None, **more):
        """The op with number `at` fails; those before it are done, those after it are not tried."""
        *said, failure, summary = self.batch(*ops, **more)
        self.assertEqual((len(said), failure["line"], summary), (at, at, {**summary, "done": at, "failed": 1}), (said, failure))
        self.problem_document(failure["problem"], failure["problem"]["status"], name)
        self.assertIn(failure["problem"]["status"], status if isinstance(status, tuple) else (status,))
        return said

    def held(self, fields=None, **more):
        return self.new(fields, **more)


class Ops(Batch):
    def test_objects_are_made_and_named_by_their_op(self):
        a, b, c, *_, got = self.done(["new", "Node", {"val": 1}], ["list", [1, {"$ref": "@0"}, [2]]],
                                     ["bytes", base64.b64encode(b"abc\0").decode()],
                                     ["root", "made", "@1"], ["push", "@1", {"$ref": "@2"}], ["set", "@0", "w", {"$weak": "@1"}],
                                     ["get", "@1"])
        items = self.ok(self.c.get("/v1/roots/made"))["$ref"]
        self.assertEqual((items, got["class"], got["items"][:2], got["items"][3]),
                         (b["id"], "list", [1, {"$ref": a["id"]}], {"$ref": c["id"]}))
        self.assertEqual(self.doc(a["id"])["fields"], {"val": 1, "w": {"$weak": items}})
        self.assertEqual(self.c.get(f"/v1/objects/{c['id']}/bytes").raw, b"abc\0")
        self.assertEqual((self.doc(a["id"])["class"], self.doc(a["id"])["refs"], self.doc(c["id"])["refs"]), ("Node", 1, 1))

    def test_new_may_have_no_fields_or_nested_ones_and_a_later_link_to_itself(self):
        empty, ring, *_ = self.done(["new", "Empty", {}], ["new", "Ring", {"in": {"deep": [{"$ref": "@0"}]}}], ["hold", "@1"],
                                    ["set", "@1", "me", {"$ref": "@1"}])
        self.assertEqual((self.doc(ring["id"])["fields"]["me"], self.doc(empty["id"])["refs"]), ({"$ref": ring["id"]}, 1))
        self.put(ring["id"], "me", None)
        self.drop(ring["id"])
        self.assertFalse(self.alive(ring["id"]) or self.alive(empty["id"]))

    def test_fields_and_items_are_set_unset_and_pushed(self):
        i, items = self.held({"a": 1, "gone": 2}), self.new(items=["x", "y"])
        self.done(["set", i, "a", {"n": 1}], ["set", i, "new", None], ["unset", i, "gone"], ["set", items, 1, {"$ref": i}],
                  ["push", items, 1.0], ["push", items, None])
        doc = self.doc(i)["fields"]
        self.assertEqual((list(doc), doc["new"]), (["a", "new"], None))
        self.assertEqual(self.doc(items)["items"], ["x", {"$ref": i}, 1.0, None])

    def test_names_in_ops_are_plain(self):
        i = self.held({"$$x": 1})
        self.done(["is", i, "$x", 1], ["set", i, "$y", 2], ["unset", i, "$x"])
        self.assertEqual(self.doc(i)["fields"], {"$$y": 2})

    def test_hold_drop_root_unroot_and_weak(self):
        a, (_, client) = self.held(), self.session()
        self.done(["hold", a], ["root", "r", a], ["weak", "w", a], client=client)
        self.assertEqual((self.doc(a)["refs"], self.c.get("/v1/weak/w").json), (3, {"$ref": a}))
        self.assertEqual(self.done(["drop", a], client=client)[0], {"alive": True, "refs": 2})
        _, dropped = self.done(["unroot", "r"], ["drop", a])
        self.assertEqual(dropped, {"alive": False})
        self.assertFalse(self.alive(a))
        self.assertIsNone(self.c.get("/v1/weak/w").json)

    def test_get_answers_the_document(self):
        i = self.held({"$$x": 1.0})
        self.assertEqual(self.done(["get", i])[0], self.doc(i))

    def test_is_passes_for_the_value_that_is_there(self):
        b = self.held()
        i, items = self.held({"a": 1, "r": {"$ref": b}, "w": {"$weak": b}, "n": None, "s": "x", "f": 1.5}), self.new(items=[7,
            {"$ref": b}])
        self.done(["is", i, "a", 1], ["is", i, "r", {"$ref": b}], ["is", i, "w", {"$weak": b}], ["is", i, "n", None],
                  ["is", i, "absent", None], ["is", i, "s", "x"],
                  ["is", i, "f", 1.5], ["is", items, 0, 7], ["is", items, 1, {"$ref": b}])

    def test_is_fails_with_412_for_any_other(self):
        b = self.held()
        i = self.held({"a": 1, "r": {"$ref": b}, "n": None})
        for field, value in (("a", 2), ("a", "1"), ("a", None), ("r", {"$ref": i}), ("r", {"$weak": b}), ("r", None), ("n", 0),
                             ("absent", 1)):
            self.fails([["set", i, "z", 1], ["is", i, field, value], ["set", i, "z", 2]], 1, 412, "changed")
        self.assertEqual(self.doc(i)["fields"]["z"], 1)

    def test_is_tells_true_from_one(self):
        i = self.held({"a": 1, "b": False})
        self.fails([["is", i, "a", True]], 0, 412, "changed")
        self.fails([["is", i, "b", 0]], 0, 412, "changed")

    def test_collect_answers_what_it_found(self):
        self.gc(enabled=False)
        self.collect()
        self.batch(["new", "Ring", {}], ["set", "@0", "me", {"$ref": "@0"}])
        two, none, young = self.done(["collect", 2], ["collect"], ["collect", 0])
        self.assertEqual((two["collected"], two["uncollectable"], none["collected"], young["collected"]), (1, 0, 0, 0))
        self.gc(enabled=True)

    def test_blank_lines_do_not_count(self):
        said = self.batch("", ["new", "A", {}], "   ", "\r", ["list", []], "", ["get", "@1"], "")
        self.assertEqual((len(said), said[2]["class"], said[3]["done"]), (4, "list", 3))

    def test_the_last_line_needs_no_newline(self):
        said = self.c.post("/v1/batch", '["new","A",{}]\r\n["get","@0"]')
        self.assertEqual([json.loads(x) for x in said.raw.splitlines()][-1]["done"], 2)
        self.assertEqual(self.batch(), [{"done": 0, "failed": 0}])

    def test_a_summary_is_the_last_line_only(self):
        i = self.held()
        self.assertEqual(self.batch(["new", "A", {}], ["get", "@0"], query="?reply=summary"), [{"done": 2, "failed": 0}])
        said = self.batch(["set", i, "a", 1], ["unset", i, "no"], ["set", i, "a", 2], query="?reply=summary")
        self.assertEqual((len(said), said[0]["done"], said[0]["failed"]), (1, 1, 1))
        self.assertEqual(self.doc(i)["fields"], {"a": 1})

    def test_the_first_op_that_fails_ends_it_and_what_stood_before_stays(self):
        i, items, dead, (_, client) = self.held({"a": 1}), self.new(items=[1]), self.dead_id(), self.session()
        for n, (op, status, name) in enumerate((
                (["set", dead, "x", 1], 410, "collected"), (["get", dead], 410, "collected"), (["hold", dead], 410, "collected"),
                (["drop", dead], 410, "collected"),
                (["get", 9007199254740001], 404, "no-such-object"), (["push", items, {"$ref": dead}], 422, "dangling"),
                (["set", i, "x", {"$ref": 9007199254740001}], 422, "dangling"),
                (["new", "A", {"x": [{"$ref": dead}]}], 422, "dangling"), (["unset", i, "nope"], 404, "no-such-name"),
                (["unroot", "nope"], 404, "no-such-name"),
                (["set", items, 5, 1], 404, "no-such-name"), (["push", i, 1], 422, "wrong-kind"),
                (["set", items, "x", 1], 422, None), (["unset", items, "x"], (404, 422), None),
                (["new", "A", {"$x": 1}], 422, "bad-value"), (["collect", 3], 422, "bad-value"),
                (["collect", -1], 422, "bad-value"), 
                (["get", "@0"], (400, 404, 422), None), (["get", "@99"], (400, 404, 422), None),
                (["get", "x"], (400, 404, 422), None), (["get", 1.5], (400, 404, 422), None),
                (["nonsense", 1], (400, 422), None), ([], (400, 422), None), ({}, (400, 422), None), (["new"], (400, 422), None),
                (["set", i, "x"], (400, 422), None),
                (["get", i, 1], (400, 422), None), (["new", 7, {}], (400, 422), None), (["root", "", i], (400, 422), None),
                ("{", 400, None), ("null", (400, 422), None),
                ('["set",%d,"a",{"x":1,"x":2}]' % i, 400, None), ('["get",%d] x' % i, 400, None),
                (b'["set",%d,"a","\xff"]' % i, 400, None))):
            self.fails([["set", i, "n", n], op, ["set", i, "n", -1]], 1, status, name)
            self.assertEqual(self.doc(i)["fields"]["n"], n, op)
        self.fails([["drop", i]], 0, 409, "not-held", client=client)

    def test_bytes_that_are_no_base64_are_refused(self):
        for bad in ("!!", "abc", "ab=c", "a" * 5, 5, None):
            self.fails([["bytes", bad], ["list", []]], 0, (400, 422))

    def test_a_line_has_at_most_64_kib(self):
        i = self.held()
        fits = '["set",%d,"a","%s"]' % (i, "x" * (LINE_MAX - 200))
        self.done(fits)
        self.fails([["set", i, "n", 1], '["set",%d,"a","%s"]' % (i, "y" * (LINE_MAX + 10)), ["set", i, "n", 2]], 1, (400, 413, 422))
        self.fails(["x" * (LINE_MAX * 5)], 0, (400, 413, 422))
        doc = self.doc(i)["fields"]
        self.assertEqual((doc["a"][0], doc["n"]), ("x", 1))


class Scope(Batch):
    def test_what_a_batch_makes_and_nothing_reaches_is_gone_at_its_end(self):
        a, b, c, *_ = self.done(["new", "A", {"in": {}}], ["new", "A", {}], ["new", "A", {}], ["hold", "@1"], ["root", "r", "@2"])
        self.assertEqual([self.alive(x["id"]) for x in (a, b, c)], [False, True, True])
        self.assertEqual((self.doc(b["id"])["refs"], self.doc(c["id"])["refs"]), (1, 1))
        before = self.heap()["objects"]
        self.fails([["new", "A", {"in": [[], {}]}], ["list", [{}]], ["nonsense"]], 2, (400, 422))
        self.assertTrue(eventually(lambda: self.heap()["objects"] == before))

    def test_a_large_scope_ends_well_while_the_collector_works(self):
        base = self.heap()["objects"]
        ops = [["new", "N", {"in": [{}]}]] * 5000
        for _ in range(10):                                         # 15,000 objects are let go in the midst of it
            self.fails([*ops, ["nonsense"]], 5000, (400, 422))
        self.assertTrue(eventually(lambda: self.heap()["objects"] == base))
        self.validate_clean()

    def test_while_it_runs_it_holds_what_it_made(self):
        s = self.stream()
        i = s.op("new", "Node", {"in": {}})["id"]
        doc = self.doc(i)
        self.assertEqual(doc["refs"], 1)
        self.assertIn({"batch": True}, self.pages(f"/v1/objects/{i}/referrers"))
        self.assertEqual(self.collect(), 0)
        self.assertEqual(s.op("get", "@0")["refs"], 1)
        self.problem(self.c.delete(f"/v1/objects/{i}"), 409, "not-held")
        self.assertEqual(s.end()["done"], 2)
        self.assertTrue(eventually(lambda: not self.alive(i)))

    def test_drop_leaves_the_scopes_own_reference(self):
        *_, dropped, doc = self.done(["new", "A", {}], ["hold", "@0"], ["drop", "@0"], ["get", "@0"])
        self.assertEqual((dropped["alive"], dropped["refs"], doc["refs"]), (True, 1, 1))
        self.assertFalse(self.alive(doc["id"]))

    def test_a_session_header_says_who_holds(self):
        doc, client = self.session()
        i = self.done(["new", "A", {}], ["hold", "@0"], client=client)[0]["id"]
        self.assertEqual([x["id"] for x in self.pages(f"/v1/sessions/{doc['id']}/holds")], [i])


class Streaming(Batch):
    def test_answers_arrive_while_the_upload_is_open(self):
        s = self.stream("Content-Type: application/x-ndjson")
        first = s.op("new", "Node", {"n": 1})
        self.assertEqual(self.doc(first["id"])["fields"], {"n": 1})     # and others see it
        for n in range(50):
            self.assertNotIn("problem", s.op("set", "@0", "n", n))
        self.assertEqual(self.doc(first["id"])["fields"], {"n": 49})
        s.chunk(b'["get",')                                             # a line in many chunks
        for piece in (b'"@', b'0"', b"]", b"\n[", b'"hold","@0"]\n'):
            s.chunk(piece)
        self.assertEqual(s.line()["fields"], {"n": 49})
        s.line()
        self.assertEqual(s.end(), {"done": 53, "failed": 0})

    def test_the_connection_serves_on_after_a_batch(self):
        s = self.stream()
        s.op("list", [])
        s.end()
        s.reply.read()
        self.assertEqual(s.ask("GET", "/livez").answer().status, 200)

    def test_a_failing_op_is_told_before_the_upload_ends(self):
        s = self.stream()
        s.op("new", "A", {})
        self.assertEqual(s.op("nonsense")["line"], 1)
        self.assertEqual((said := s.line())["failed"], 1, said)

    def test_what_was_read_before_a_cut_stays_done_and_the_rest_is_not(self):
        i = self.held()
        s = self.stream()
        for n in range(5):
            s.op("set", i, "n", n)
        made = s.op("new", "A", {})["id"]
        s.chunk(b'["set",%d,"n",99]' % i)                               # a line without its end
        s.close()
        self.assertTrue(eventually(lambda: not self.alive(made)))       # its scope is over
        self.assertEqual(self.doc(i)["fields"], {"n": 4})
        w = self.wire()
        w.send(f"POST /v1/batch HTTP/1.1\r\nHost: {self.daemon.host}:{self.daemon.port}\r\nContent-Length: 1000\r\n\r\n" +
               f'["set",{i},"m",1]\n["set",{i},"m",2]\n["set",{i},"m",3')
        self.assertTrue(eventually(lambda: self.doc(i)["fields"].get("m") == 2))
        w.close()
        time.sleep(0.1)
        self.assertEqual(self.doc(i)["fields"], {"n": 4, "m": 2})

    def test_what_was_read_of_a_cut_batch_is_done_whenever_it_is_looked_at(self):
        i = self.held()
        w = self.wire()
        w.send(f"POST /v1/batch HTTP/1.1\r\nHost: {self.daemon.host}:{self.daemon.port}\r\nContent-Length: 1000\r\n\r\n" +
               f'["set",{i},"m",1]\n["set",{i},"m",2')
        w.close()
        self.assertTrue(eventually(lambda: self.doc(i)["fields"].get("m") == 1))

    def test_answers_that_nobody_reads_stop_the_reading_and_none_is_lost(self):
        i, count = self.held({"pad": "p" * 60000}), 400                 # 24 MB of answers
        s = self.stream()
        sender = threading.Thread(target=lambda: (s.send(b"".join(b"%x\r\n%s\r\n" % (len(x), x)
                                                                  for x in [b'["get",%d]\n' % i] * count)), s.send("0\r\n\r\n")))
        sender.start()
        time.sleep(0.3)
        self.assertEqual(self.c.get("/livez").status, 200)
        for _ in range(count):
            self.assertEqual(s.line()["id"], i)
        self.assertEqual(s.line(), {"done": count, "failed": 0})
        sender.join()

    def test_a_long_batch_lets_others_be_served(self):
        count, slowest = 100000, 0
        s = self.stream(query="?reply=summary")
        body = b'["new","Bulk",{"n":1}]\n["list",[1,2]]\n' * (count // 2)
        sender = threading.Thread(target=lambda: (s.chunk(body), s.send("0\r\n\r\n")))
        sender.start()
        while sender.is_alive():
            start = time.monotonic()
            self.assertEqual(self.c.get("/livez").status, 200)
            slowest = max(slowest, time.monotonic() - start)
        self.assertEqual(s.line(), {"done": count, "failed": 0})
        sender.join()
        self.assertLess(slowest, 1)
        self.assertTrue(eventually(lambda: not self.c.get("/v1/objects?class=Bulk&limit=1").json["items"]))

    def test_a_hundred_thousand_ops_are_answered_one_by_one(self):
        count = 100000
        lines = [["new", "Chain", {}]] + [["new", "Chain", {"next": {"$ref": f"@{n - 1}"}}] for n in range(1, count)]
        said = self.done(*lines)
        self.assertEqual(len({x["id"] for x in said}), count)
        self.assertTrue(eventually(lambda: self.heap()["objects"] < count / 2))


if __name__ == "__main__":
    unittest.main()

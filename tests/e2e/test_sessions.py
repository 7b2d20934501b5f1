"""test_sessions.py - sessions hold objects for as long as their lease lasts, and let go at its end."""
import time
import unittest

from heapd_test import HeapdTest, eventually


class Sessions(HeapdTest):
    def sessions(self):
        return {s["id"]: s for s in self.pages("/v1/sessions")}

    def holds(self, which, client=None):
        return {d["id"] for d in self.pages(f"/v1/sessions/{which}/holds", 2, client)}

    def test_a_session_says_who_it_is_and_how_long_it_lasts(self):
        said = self.c.post("/v1/sessions", {"ttl": 45, "label": "worker-7"})
        doc = self.ok(said, 201)
        self.assertLessEqual({"id", "token", "label", "ttl", "expires_in", "holds"}, set(doc))
        self.assertEqual((doc["label"], doc["ttl"], doc["holds"]), ("worker-7", 45, 0))
        self.assertTrue(44 <= doc["expires_in"] <= 45, doc)
        self.assertGreater(len(doc["token"]), 15)
        self.assertTrue(0 <= doc["age"] < 30, doc)
        self.assertIsNone(self.ok(self.c.get("/v1/sessions/0"))["age"])
        other = self.ok(self.c.post("/v1/sessions", {}), 201)
        self.assertEqual(other["ttl"], 30)
        self.assertNotEqual(other["token"], doc["token"])
        self.assertNotEqual(other["id"], doc["id"])

    def test_the_token_is_told_once(self):
        doc, client = self.session()
        for answer in (self.c.get("/v1/sessions?limit=1000"), self.c.get(f"/v1/sessions/{doc['id']}"),
                       client.get("/v1/sessions/self")):
            self.ok(answer)
            self.assertNotIn(doc["token"].encode(), answer.raw)

    def test_self_is_the_session_of_the_header(self):
        doc, client = self.session(label="me")
        self.assertEqual(self.ok(client.get("/v1/sessions/self"))["id"], doc["id"])
        self.assertEqual(self.ok(client.get(f"/v1/sessions/{doc['id']}"))["label"], "me")
        self.assertEqual(self.ok(self.c.get("/v1/sessions/self"))["id"], 0)
        i = self.new(client=client)
        self.assertEqual(self.holds("self", client), {i})
        self.ok(client.delete("/v1/sessions/self"), 200, 204)
        self.problem(client.get("/v1/sessions/self"), 409, "session-ended")
        self.assertFalse(self.alive(i))

    def test_a_ttl_outside_1_to_86400_is_refused(self):
        before = len(self.sessions())
        for bad in (0, -1, 86401, "30", True, [30], 10**30):
            self.problem(self.c.post("/v1/sessions", {"ttl": bad}), (400, 422))
        for bad in ({"ttl": 30, "label": 7}, [], "x"):
            self.problem(self.c.post("/v1/sessions", bad), (400, 422))
        self.assertEqual(len(self.sessions()), before)
        for fine in (1, 86400):
            self.ok(self.c.post("/v1/sessions", {"ttl": fine}), 201)

    def test_holds_are_a_set(self):
        (a, one), (b, two) = self.session(), self.session()
        i = self.new(client=one)
        self.assertEqual(self.ok(one.put(f"/v1/objects/{i}/hold")), {"refs": 1})
        self.assertEqual(self.ok(one.put(f"/v1/objects/{i}/hold"))["refs"], 1)
        self.assertEqual(self.ok(two.put(f"/v1/objects/{i}/hold"))["refs"], 2)
        self.assertEqual((self.holds(a["id"]), self.holds(b["id"])), ({i}, {i}))
        self.assertEqual(self.ok(one.delete(f"/v1/objects/{i}/hold")), {"alive": True, "refs": 1})
        self.problem(one.delete(f"/v1/objects/{i}"), 409, "not-held")
        self.assertEqual(self.sessions()[a["id"]]["holds"], 0)
        self.assertEqual(self.ok(two.delete(f"/v1/objects/{i}")), {"alive": False})
        self.problem(two.get(f"/v1/objects/{i}"), 410, "collected")

    def test_what_another_holds_is_not_mine_to_let_go(self):
        (_, one), (_, two) = self.session(), self.session()
        i = self.new(client=one)
        for c in (two, self.c):
            self.problem(c.delete(f"/v1/objects/{i}/hold"), 409, "not-held")
        self.assertTrue(self.alive(i))

    def test_the_end_of_a_session_lets_go_all_it_held(self):
        doc, client = self.session()
        ids = [self.new({"in": {}}, client=client) for _ in range(20)]
        kept, inner = ids[3], self.doc(ids[7])["fields"]["in"]["$ref"]
        self.root("kept", kept)
        self.assertEqual(self.sessions()[doc["id"]]["holds"], 20)
        self.assertEqual(len(self.holds(doc["id"])), 20)
        self.ok(self.c.delete(f"/v1/sessions/{doc['id']}"), 200, 204)
        self.assertEqual([i for i in ids if self.alive(i)], [kept])
        self.assertFalse(self.alive(inner))
        self.assertEqual(self.doc(kept)["refs"], 1)
        self.assertNotIn(doc["id"], self.sessions())
        for path in ("", "/holds"):
            self.problem(self.c.get(f"/v1/sessions/{doc['id']}{path}"), 404, "no-such-name")
        self.problem(client.post("/v1/objects", {"class": "Late"}), 409, "session-ended")
        self.assertEqual(self.pages("/v1/objects?class=Late"), [])

    def test_an_unknown_token_or_session_is_refused(self):
        for bad in ("nonsense", "x" * 200):
            self.problem(self.client(bad).get("/v1/gc"), 409, "session-ended")
        for bad in ("999999", "x", "-1"):
            for method in ("GET", "PUT", "DELETE"):
                self.problem(self.c.request(method, f"/v1/sessions/{bad}"), 404, "no-such-name")

    def test_session_0_is_the_default_and_never_ends_but_is_emptied(self):
        i, kept = self.new(), self.new(root="outlives")
        zero = self.ok(self.c.get("/v1/sessions/0"))
        self.assertEqual((zero["id"], zero["label"]), (0, "default"))
        self.assertIn(i, self.holds(0))
        self.ok(self.c.delete("/v1/sessions/0"), 200, 204)
        self.assertEqual((self.alive(i), self.alive(kept), self.holds(0)), (False, True, set()))
        self.assertTrue(self.alive(self.new()))
        self.assertIn(0, self.sessions())

    def test_a_put_renews(self):
        doc, client = self.session(ttl=20)
        time.sleep(1.1)
        before = self.ok(self.c.get(f"/v1/sessions/{doc['id']}"))["expires_in"]
        self.assertLess(before, 19.5)                               # looking from outside renews nothing
        self.assertGreater(self.ok(self.c.put(f"/v1/sessions/{doc['id']}"))["age"], 1)
        self.assertGreater(self.ok(self.c.put(f"/v1/sessions/{doc['id']}"))["expires_in"], before + 0.5)
        time.sleep(1.1)
        self.assertGreater(self.ok(client.get("/v1/sessions/self"))["expires_in"], 19)


class Leases(HeapdTest):
    def test_expiry_lets_go_and_not_before(self):
        doc, client = self.session(ttl=1)
        i = self.new({"in": {}}, client=client)
        inner = self.doc(i)["fields"]["in"]["$ref"]
        self.ok(self.c.put("/v1/weak/leased", {"$ref": i}), 200, 201, 204)
        start = time.monotonic()
        while time.monotonic() < start + 2:                         # each request names it, so none may find it ended
            asked = time.monotonic()
            self.ok(client.get(f"/v1/objects/{i}"))
            time.sleep(0.3)
        self.assertTrue(eventually(lambda: not self.alive(i), 10))
        self.assertGreater(time.monotonic() - asked, 0.9)           # a lease of 1 s
        self.assertFalse(self.alive(inner))
        self.assertIsNone(self.ok(self.c.get("/v1/weak/leased")))
        self.problem(client.get("/v1/gc"), 409, "session-ended")
        self.problem(self.c.get(f"/v1/sessions/{doc['id']}"), 404, "no-such-name")

    def test_a_rooted_object_outlives_the_lease(self):
        _, client = self.session(ttl=1)
        a, b = self.new(client=client), self.new(client=client)
        self.root("a", a)
        self.link(a, "b", b)
        self.assertTrue(eventually(lambda: client.get("/v1/gc").status == 409, 10, 1.3))
        self.assertTrue(self.alive(a) and self.alive(b))
        self.assertEqual((self.doc(a)["refs"], self.doc(b)["refs"]), (1, 1))

    def test_a_session_does_not_end_while_a_request_of_its_runs(self):
        doc, client = self.session(ttl=1)
        i = self.new(client=client)
        s = self.stream(f"Heapd-Session: {doc['token']}")
        s.op("new", "Node")
        time.sleep(2)
        self.assertTrue(self.alive(i))
        s.op("hold", "@0")
        self.assertEqual(s.end()["failed"], 0)
        self.assertTrue(self.alive(i))
        self.assertTrue(eventually(lambda: not self.alive(i), 10))


if __name__ == "__main__":
    unittest.main()

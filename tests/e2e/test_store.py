"""What was answered is there again after a kill, and nothing else: one kind of thing a test."""
import json
import os
import unittest
from urllib.parse import quote

from heapd_test import Client, eventually
from store_test import StoreTest, run_heapd

STRANGE = ["", " ", "\"quoted\\\"", "\u0001\u001f", "\u2028line\u2029", "ünï¢ode 日本 🎉", "$ref", "$$", "a\nb\tc", "\\u0041", "x" * 3000]
NUMBERS = [0, -1, 2**28, -2**28 - 1, 2**53 + 1, 2**63 - 1, -2**63, 0.1, 1.0, -0.0, 1e300, 5e-324, 1 / 3, 123456789.125]


class Survives(StoreTest):
    def survives(self):
        """Killed before it was folded, and after; and stopped well."""
        was = self.everything()
        self.again()
        self.assert_same(was)
        self.fold()
        self.again()
        self.assert_same(was)
        self.again(well=True)
        self.assert_same(was)

    def test_values_of_every_kind(self):
        i = self.new({f"t{n}": text for n, text in enumerate(STRANGE)})
        self.new(items=[*NUMBERS, None, True, False, {"$ref": i}, {"$weak": i}, {"deep": [[{}]]}, *STRANGE])
        self.new({"a": None, "b": NUMBERS[9]}, kind="Käfer \"x\"", client=self.client(**{"Heapd-Site": "some/site.c:7"}))
        for n, name in enumerate(s for s in STRANGE if 0 < len(s) <= 255):
            self.put_field(i, name, n)
        self.survives()

    def put_field(self, i, name, value):
        self.ok(self.c.put(f"/v1/objects/{i}/fields/{quote(name, safe='')}", json.dumps(value)), 200, 201)

    def test_changes_of_every_kind(self):
        a, b = self.new({"x": 1, "y": 2, "z": 3}), self.new(items=[1, 2, 3, 4])
        self.ok(self.c.patch(f"/v1/objects/{a}", {"y": {"$ref": b}, "x": None, "w": [1]}))
        self.unlink(a, "z")
        self.put(a, "z", "last")
        self.ok(self.c.put(f"/v1/objects/{b}/items/1", json.dumps({"$weak": a})))
        self.ok(self.c.delete(f"/v1/objects/{b}/items/0"), 204)
        self.ok(self.c.post(f"/v1/objects/{b}/items", json.dumps("pushed")), 201)
        self.done(["set", a, "q", 1.5], ["unset", a, "w"], ["push", b, {"$ref": a}], ["set", b, 0, "zero"])
        self.survives()

    def test_roots_and_weak_names(self):
        a, b, gone = self.new(), self.new(), self.new()
        for name in ("plain", "with/slash", "\"q\"", "日本"):
            self.root(name, a)
        self.root("moved", a), self.root("moved", b), self.root("forgotten", a), self.unroot("forgotten")
        self.ok(self.c.put("/v1/weak/alive", {"$ref": a}), 200, 201)
        self.ok(self.c.put("/v1/weak/dead", {"$ref": gone}), 200, 201)
        self.drop(gone), self.drop(a)
        self.assertEqual(self.everything()["weak"], {"alive": a, "dead": None})
        self.survives()

    def test_weak_links_to_what_has_died_read_null(self):
        gone = self.new()
        plain, strange = self.new({"w": {"$weak": gone}}), self.new({"w\u00e9\n": {"$weak": gone}})
        items = self.new(items=[{"$weak": gone}, 1, {"$weak": plain}])
        self.drop(gone)
        self.assertEqual(self.doc(items)["items"], [None, 1, {"$weak": plain}])
        self.survives()
        self.assertEqual(self.doc(strange)["fields"], {"w\u00e9\n": None})

    def test_sessions_live_on_with_their_tokens_and_a_full_lease(self):
        doc, client = self.session(ttl=600, label="w\u00f6rker \"7\"")
        i = self.new(client=client)
        ended, other = self.session(label="ended")
        lost = self.new(client=other)
        self.ok(other.delete("/v1/sessions/self"))
        self.assertTrue(eventually(lambda: not self.alive(lost)))
        self.survives()
        mine = Client(self.daemon, doc["token"])
        self.addCleanup(mine.close)
        self.assertGreater(self.ok(mine.get("/v1/sessions/self"))["expires_in"], 590)
        self.assertEqual(self.drop(i, mine), {"alive": False})
        self.assertGreater(self.ok(self.c.post("/v1/sessions", {"ttl": 5}), 201)["id"], ended["id"])

    def test_bytes(self):
        raw = "application/octet-stream"
        made = self.ok(self.c.post("/v1/objects?root=b", os.urandom(300_000), {"Content-Type": raw}), 201)["id"]
        empty = self.ok(self.c.post("/v1/objects", b"", {"Content-Type": raw}), 201)["id"]
        self.ok(self.c.put(f"/v1/objects/{made}/bytes", b"replaced" * 9, {"Content-Type": raw}))
        gone = self.ok(self.c.post("/v1/objects", b"dead", {"Content-Type": raw}), 201)["id"]
        self.drop(gone)
        self.survives()
        self.assertEqual(self.c.get(f"/v1/objects/{empty}/bytes").raw, b"")
        self.fold()
        self.assertEqual(self.sql("SELECT count(*) FROM bytes"), [(2,)])

    def test_what_is_too_large_for_a_row(self):
        items, fields = self.new(items=list(range(5000))), self.new({f"f{n}": n for n in range(2000)})
        self.fold()
        for n in (0, 4999, 2500, 0, 0, 4000):
            self.ok(self.c.delete(f"/v1/objects/{items}/items/{n if n < 4990 else 4990}"), 204)
            self.ok(self.c.put(f"/v1/objects/{items}/items/{n // 2}", json.dumps(f"put {n}")))
            self.ok(self.c.post(f"/v1/objects/{items}/items", json.dumps(["pushed", n])), 201)
            self.put(fields, f"f{n % 2000}", {"$ref": items})
            self.put(fields, f"new{n}", n)
        for n in range(7, 2000, 400):
            self.done(["unset", fields, f"f{n}"])
        self.survives()
        self.assertGreater(self.sql("SELECT count(*) FROM blocks")[0][0], 20)
        for _ in range(4990):
            self.c.http.request("DELETE", f"/v1/objects/{items}/items/0")
            self.c.http.getresponse().read()
        self.survives()

    def test_a_large_heap_in_one_batch(self):
        ops = [["list", []]] + [op for n in range(3000) for op in
                                (["new", "Node", {"n": n, "text": f"text {n % 50}", "next": {"$ref": f"@{max(0, 2 * n - 1)}"}}],
                                 ["push", "@0", {"$ref": f"@{2 * n + 1}"}])]
        self.done(*ops, ["root", "all", "@0"], ["weak", "w", "@0"])
        self.survives()


class Dead(StoreTest):
    def test_the_dead_stay_dead_and_their_ids_are_not_given_again(self):
        ids = [self.new() for _ in range(50)]
        for i in ids[::2]:
            self.drop(i)
        a, b = self.new(), self.new()
        self.link(a, "b", b), self.link(b, "a", a)
        self.drop(a), self.drop(b)
        self.assertEqual(self.collect(), 2)
        for wait_for_tables in (False, True):
            if wait_for_tables:
                self.fold()
            self.again()
            for i in [*ids[::2], a, b]:
                self.problem(self.c.get(f"/v1/objects/{i}"), 410, "collected")
            made = [self.new() for _ in range(2000)]
            self.assertEqual(set(made) & {*ids, a, b}, set())
            ids += made
            for i in made:
                self.drop(i)

    def test_cycles_that_were_not_collected_are_there_until_they_are(self):
        a = self.new({"self": None})
        self.link(a, "self", a)
        self.drop(a)
        self.again()
        self.assertTrue(self.alive(a))
        self.assertEqual(self.collect(), 1)
        self.again()
        self.problem(self.c.get(f"/v1/objects/{a}"), 410)

    def test_what_only_a_batch_held_is_gone_with_it(self):
        stream = self.stream()
        i = stream.op("new", "Temp", {})["id"]
        kept = stream.op("new", "Kept", {})["id"]
        stream.op("root", "kept", kept)
        self.again()
        self.problem(self.c.get(f"/v1/objects/{i}"), 410, "collected")
        self.assertTrue(self.alive(kept))


class Promises(StoreTest):
    def test_writes_say_whether_they_are_durable(self):
        self.assertEqual(self.c.post("/v1/objects", {"class": "A"}).headers["heapd-durable"], "1")
        for mode in ("off", "interval:50"):
            self.assertEqual(self.ok(self.c.patch("/v1/config", {"durability": mode}))["durability"], mode)
            self.assertEqual(self.c.post("/v1/objects", {"class": "A"}).headers["heapd-durable"], "0")
        self.assertEqual(self.ok(self.c.patch("/v1/config", {"durability": None}))["durability"], "commit")
        self.assertEqual(self.c.post("/v1/objects", {"class": "A"}).headers["heapd-durable"], "1")
        for bad in ("always", "interval:0", "interval:x", "interval:3600001", 5, True):
            self.problem(self.c.patch("/v1/config", {"durability": bad}), 422, "bad-value")

    def test_an_interval_is_kept(self):
        self.ok(self.c.patch("/v1/config", {"durability": "interval:100"}))
        self.root("soon", self.new())
        self.assertTrue(eventually(lambda: self.sql("SELECT 1 FROM log WHERE lines LIKE '%soon%' UNION SELECT 1 FROM roots")))
        instance = self.c.get("/v1/roots").headers["heapd-instance"]
        self.again()
        self.assertEqual(self.c.get("/v1/roots/soon").status, 200)
        self.assertNotEqual(self.c.get("/v1/roots").headers["heapd-instance"], instance)    # something may be missing

    def test_nothing_is_lost_when_it_stops_well_whatever_was_promised(self):
        self.ok(self.c.patch("/v1/config", {"durability": "off"}))
        self.root("kept", self.new())
        instance = self.c.get("/v1/roots").headers["heapd-instance"]
        self.again(well=True)
        self.assertEqual(self.c.get("/v1/roots/kept").status, 200)
        self.assertEqual(self.c.get("/v1/roots").headers["heapd-instance"], instance)

    def test_the_instance_stays(self):
        instance = self.c.get("/v1/roots").headers["heapd-instance"]
        self.again()
        self.assertEqual(self.c.get("/v1/roots", {"If-Heapd-Instance": instance}).status, 200)

    def test_a_pipeline_is_answered_in_order(self):
        w = self.wire()
        for n in range(200):
            w.ask("POST", "/v1/objects", {"class": "P", "fields": {"n": n}})
            w.ask("GET", "/livez")
        for n in range(200):
            self.assertEqual(w.answer("POST").json["fields"]["n"], n)
            self.assertEqual(w.answer().status, 200)


class Refused(StoreTest):
    def refused(self, *options):
        said = run_heapd("--listen", "127.0.0.1:0", *options)
        self.assertNotEqual(said.returncode, 0)
        return said.stderr

    def test_a_second_heapd_with_the_same_data(self):
        self.assertIn("in use by another heapd", self.refused("--data", str(self.data)))
        self.new()

    def test_a_directory_that_cannot_be(self):
        self.assertIn("cannot be made", self.refused("--data", "/proc/nowhere"))

    def test_data_of_a_newer_version(self):
        self.kill()
        version = self.sql("PRAGMA user_version")[0][0]
        self.sql("PRAGMA user_version = 99")
        self.assertIn("written by a newer one", self.refused("--data", str(self.data)))
        self.sql(f"PRAGMA user_version = {version}")
        self.start()

    def damaged(self, change):
        """What was kept has been changed by somebody: refused with a sentence, or all of it is there."""
        self.root("r", self.new({"a": [1, 2, 3]}))
        self.fold()
        self.kill()
        change()
        said = self.refused("--data", str(self.data))
        self.assertIn("cannot be put back", said)
        self.data = self.data.with_name("fresh")
        self.start()

    def test_contents_that_are_no_json(self):
        self.damaged(lambda: self.sql_write("UPDATE objects SET value = '[1,2' WHERE class = 'list'"))

    def test_contents_whose_blocks_are_missing(self):
        self.damaged(lambda: self.sql_write("UPDATE objects SET value = '[' WHERE class = 'list'"))

    def test_a_link_to_nothing(self):
        self.damaged(lambda: self.sql_write("DELETE FROM objects WHERE class = 'list'"))

    def test_an_object_where_none_can_be(self):
        self.damaged(lambda: self.sql_write("UPDATE objects SET slot = 7 WHERE class = 'list'"))

    def test_a_line_that_is_none(self):
        self.damaged(lambda: self.sql_write("INSERT INTO log VALUES (99, 99, 99, 0, '[\"new\",1')"))


if __name__ == "__main__":
    unittest.main()

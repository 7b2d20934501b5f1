"""test_objects.py - records and lists: how they are made, what they hold, how they change."""
import json
import math
import unittest

from heapd_test import HeapdTest, eventually

OCTETS = {"Content-Type": "application/octet-stream"}
UNKNOWN = 9007199254740001


class Creating(HeapdTest):
    def test_a_created_object_is_answered_with_its_location_and_document(self):
        said = self.c.post("/v1/objects", {"class": "Node", "fields": {"val": 1}})
        doc = self.ok(said, 201)
        self.assertEqual(said.headers["location"], f"/v1/objects/{doc['id']}")
        self.assertLessEqual({"id", "class", "generation", "refs", "weak_refs", "bytes", "fields"}, set(doc))
        self.assertEqual((doc["class"], doc["generation"], doc["refs"], doc["weak_refs"], doc["fields"]),
                         ("Node", 0, 1, 0, {"val": 1}))
        self.assertGreater(doc["bytes"], 0)
        again = self.c.get(said.headers["location"])
        self.assertEqual(self.ok(again), doc)
        self.assertEqual(again.headers["etag"], said.headers["etag"])

    def test_an_array_makes_a_list(self):
        doc = self.ok(self.c.post("/v1/objects", {"items": [1, "two", None]}), 201)
        self.assertEqual((doc["class"], doc["items"]), ("list", [1, "two", None]))
        self.assertEqual(self.doc(self.new(items=[], kind="Queue"))["class"], "Queue")

    def test_a_record_may_be_empty(self):
        self.assertEqual(self.doc(self.new())["fields"], {})

    def test_every_value_reads_as_it_was_written(self):
        values = {"nothing": None, "yes": True, "no": False, "zero": 0, "neg": -7, "half": 0.5, "empty": "",
                  "text": "grüße \U0001f600 \"\\\n\u2028",
                  "nul": "a\0b", "long": "x" * 5000, "max": 2**63 - 1, "min": -2**63, "tiny": 5e-324,
                  "huge": 1.7976931348623157e308}
        i = self.new(values)
        self.assertEqual(self.doc(i)["fields"], values)
        for name, value in values.items():
            self.assertEqual(self.c.get(f"/v1/objects/{i}/fields/{name}").json, value)

    def test_reals_are_written_shortest_and_stay_reals(self):
        for sent, longest in (("1.0", 3), ("0.1", 3), ("-2.5", 4), ("1e300", 6), ("1e22", 7), ("0.30000000000000004", 19),
                              ("123456789012.0", 14), ("-0.0", 4)):
            i = self.new()
            self.ok(self.c.put(f"/v1/objects/{i}/fields/x", sent), 201)
            raw = self.c.get(f"/v1/objects/{i}/fields/x").raw.decode().strip()
            self.assertIsInstance(json.loads(raw), float, raw)
            self.assertEqual((float(raw), math.copysign(1, float(raw))), (float(sent), math.copysign(1, float(sent))))
            self.assertLessEqual(len(raw), longest, raw)
        self.assertEqual(self.c.get(f"/v1/objects/{self.new({'x': 1})}/fields/x").raw.strip(), b"1")

    def test_numbers_that_do_not_fit_are_refused(self):
        i = self.new({"x": 7})
        for bad in (str(2**63), str(-2**63 - 1), "1e999", "-1e999", "9" * 400, "NaN", "Infinity", "-Infinity", "01", "+1", ".5",
                    "1."):
            self.problem(self.c.put(f"/v1/objects/{i}/fields/x", bad), (400, 422))
        self.assertEqual(self.doc(i)["fields"], {"x": 7})

    def test_the_order_is_that_of_insertion(self):
        names = [f"k{n * 37 % 101}" for n in range(101)]
        i = self.new({n: 0 for n in names})
        self.put(i, names[3], 1)                                    # a change keeps the place
        self.unlink(i, names[0])
        self.put(i, names[0], 2)                                    # a return goes to the end
        self.assertEqual(list(self.doc(i)["fields"]), names[1:] + names[:1])

    def test_any_json_becomes_a_graph_of_records_and_lists(self):
        i = self.new({"cfg": {"deep": [1, {"x": [[]]}], "n": {}}})
        cfg = self.doc(self.doc(i)["fields"]["cfg"]["$ref"])
        self.assertEqual((cfg["class"], cfg["refs"]), ("object", 1))
        deep = self.doc(cfg["fields"]["deep"]["$ref"])
        self.assertEqual((deep["class"], deep["items"][0]), ("list", 1))
        self.assertEqual(self.doc(self.doc(deep["items"][1]["$ref"])["fields"]["x"]["$ref"])["items"][0].keys(), {"$ref"})
        self.drop(i)
        self.assertFalse(self.alive(cfg["id"]) or self.alive(deep["id"]))

    def test_a_replaced_value_is_let_go(self):
        i = self.new({"a": {}})
        old = self.doc(i)["fields"]["a"]["$ref"]
        self.put(i, "a", 1)
        self.assertFalse(self.alive(old))

    def test_a_leading_dollar_is_doubled_on_the_wire(self):
        i = self.new({"$$ref": 1, "$$$x": 2, "a$": 3, "in": {"$$weak": 4}})
        doc = self.doc(i)
        self.assertEqual(list(doc["fields"]), ["$$ref", "$$$x", "a$", "in"])
        self.assertEqual(self.doc(doc["fields"]["in"]["$ref"])["fields"], {"$$weak": 4})
        self.assertEqual(self.c.get(f"/v1/objects/{i}/fields/%24ref").json, 1)       # names in paths are plain
        self.assertEqual(self.c.get(f"/v1/objects/{i}/fields/$$x").json, 2)
        self.ok(self.c.put(f"/v1/objects/{i}/fields/%24new", "5"), 201)
        self.assertEqual(self.doc(i)["fields"]["$$new"], 5)
        self.assertEqual(self.ok(self.c.patch(f"/v1/objects/{i}", {"$$new": 6}))["fields"]["$$new"], 6)

    def test_reserved_keys_are_refused(self):
        a = self.new()
        for bad in ({"$x": 1}, {"$": 1}, {"in": {"$id": 1}}, {"in": {"$ref": a, "x": 1}}, {"in": {"$ref": a, "$weak": a}}):
            self.problem(self.c.post("/v1/objects", {"fields": bad}), 422, "bad-value")
        for link in ("7", 1.5, True, None, -1, 0, [a], {}, 2**53, 2**62):
            for kind in ("$ref", "$weak"):
                self.problem(self.c.put(f"/v1/objects/{a}/fields/x", {kind: link}), 422)
        self.assertEqual(self.doc(a)["fields"], {})

    def test_names_have_1_to_255_bytes_and_no_nul(self):
        i = self.new({"n" * 255: 1, "ü" * 127: 2})
        self.assertEqual(self.c.get(f"/v1/objects/{i}/fields/{'n' * 255}").json, 1)
        for bad in ("", "n" * 256, "ü" * 128, "a\0b"):
            self.problem(self.c.post("/v1/objects", {"fields": {bad: 1}}), (400, 422))
            self.problem(self.c.patch(f"/v1/objects/{i}", {bad: 1}), (400, 422))
        self.assertEqual(len(self.doc(i)["fields"]), 2)

    def test_a_key_twice_too_deep_or_no_utf8_is_refused(self):
        for bad in (b'{"fields":{"a":1,"a":2}}', b'{"class":"A","class":"B"}', b'{"fields":{"a":"\xff"}}',
                    b'{"fields":{"\xc0\xaf":1}}',
                    b'{"fields":{"a":"\xed\xa0\x80"}}', b'{"items":' + b"[" * 70 + b"]" * 70 + b"}", b"[" * 100000,
                    b'{"a":' * 50000):
            self.problem(self.c.post("/v1/objects", bad), 400, ("bad-json", "bad-request"))
        self.ok(self.c.post("/v1/objects", b'{"items":' + b"[" * 60 + b"]" * 60 + b"}"), 201)

    def test_half_a_surrogate_pair_is_no_text(self):
        for bad in ("\\ud800", "\\udc00", "x\\ud800y", "\\ud800\\ud800"):
            self.problem(self.c.post("/v1/objects", '{"fields":{"a":"%s"}}' % bad), (400, 422))
        self.assertEqual(self.doc(self.ok(self.c.post("/v1/objects", '{"fields":{"a":"\\ud83d\\ude00"}}'), 201)["id"])["fields"],
                         {"a": "\U0001f600"})

    def test_a_failed_create_leaves_nothing_behind(self):
        dead, before = self.dead_id(), self.heap()["objects"]
        for bad in ({"class": "Leak", "fields": {"a": {"b": {}}, "z": {"$ref": dead}}},
                    {"class": "Leak", "items": [{}, [], {"$x": 1}]},
                    {"class": "Leak", "fields": {"a": {}}, "into": {"id": dead}}):
            self.problem(self.c.post("/v1/objects", bad), 422)
        self.assertTrue(eventually(lambda: self.heap()["objects"] == before))

    def test_root_puts_it_there_and_the_session_does_not_hold_it(self):
        i = self.new(root="born here")
        self.assertEqual((self.doc(i)["refs"], self.c.get("/v1/roots/born%20here").json), (1, {"$ref": i}))
        self.problem(self.c.delete(f"/v1/objects/{i}"), 409, "not-held")
        self.unroot("born here")
        self.assertFalse(self.alive(i))

    def test_into_links_it_from_a_field_or_a_list(self):
        a, items = self.new(), self.new(items=[0])
        b, c = self.new(into={"id": a, "field": "$child"}), self.new(into={"id": items})
        self.assertEqual(self.doc(a)["fields"], {"$$child": {"$ref": b}})            # `field` is a plain name
        self.assertEqual(self.doc(items)["items"], [0, {"$ref": c}])
        self.assertEqual((self.doc(b)["refs"], self.doc(c)["refs"]), (1, 1))
        for bad, name in (({"id": a}, None), ({"id": UNKNOWN, "field": "x"}, "dangling"),
                          ({"id": self.dead_id(), "field": "x"}, "dangling"), ("x", None)):
            self.problem(self.c.post("/v1/objects", {"into": bad}), 422, name)

    def test_an_unknown_id_is_404_a_dead_one_410_and_either_in_a_value_422(self):
        i, dead = self.new({"x": 1}), self.dead_id()
        for method, path, body in (("GET", "", None), ("PATCH", "", {}), ("DELETE", "", None), ("GET", "/fields/x", None),
                                   ("PUT", "/fields/x", 1),
                                   ("DELETE", "/fields/x", None), ("POST", "/items", 1), ("PUT", "/hold", None),
                                   ("DELETE", "/hold", None),
                                   ("GET", "/referrers", None), ("GET", "/referents", None), ("GET", "/bytes", None)):
            self.problem(self.c.request(method, f"/v1/objects/{UNKNOWN}{path}", body), 404, "no-such-object")
            self.problem(self.c.request(method, f"/v1/objects/{dead}{path}", body), 410, "collected")
        for bad in (UNKNOWN, dead):
            for kind in ("$ref", "$weak"):
                self.problem(self.c.put(f"/v1/objects/{i}/fields/x", {kind: bad}), 422, "dangling")
                self.problem(self.c.patch(f"/v1/objects/{i}", {"x": {"y": [{kind: bad}]}}), 422, "dangling")
            self.problem(self.c.put("/v1/roots/r", {"$ref": bad}), 422, "dangling")
        self.assertEqual(self.doc(i)["fields"], {"x": 1})

    def test_a_path_that_cannot_be_an_id_is_no_object(self):
        for bad in ("0", "x", "-1", "1.5", "99999999999999999999999", "9007199254740992", "18446744073709551617", "0x1", "1%20"):
            self.problem(self.c.get(f"/v1/objects/{bad}"), (400, 404))

    def test_a_weak_link_keeps_nothing_and_reads_null_after_the_death(self):
        b = self.new()
        a = self.new({"w": {"$weak": b}, "in": [{"$weak": b}]})
        self.assertEqual(self.doc(a)["fields"]["w"], {"$weak": b})
        self.assertEqual((self.doc(b)["refs"], self.doc(b)["weak_refs"]), (1, 2))
        self.assertEqual(self.drop(b), {"alive": False})
        self.assertIsNone(self.doc(a)["fields"]["w"])
        self.assertIsNone(self.c.get(f"/v1/objects/{a}/fields/w").json)
        self.assertEqual(self.doc(self.doc(a)["fields"]["in"]["$ref"])["items"], [None])


class Changing(HeapdTest):
    def test_patch_sets_replaces_whole_and_removes(self):
        b = self.new()
        i = self.new({"keep": 1, "old": {"a": 1, "b": 2}, "gone": 3})
        doc = self.ok(self.c.patch(f"/v1/objects/{i}", {"old": {"c": 3}, "gone": None, "never": None, "new": {"$ref": b}}))
        self.assertEqual(doc, self.doc(i))
        self.assertEqual(list(doc["fields"]), ["keep", "old", "new"])
        self.assertEqual(self.doc(doc["fields"]["old"]["$ref"])["fields"], {"c": 3})
        self.assertEqual(doc["fields"]["new"], {"$ref": b})

    def test_patch_is_all_or_nothing(self):
        i, dead = self.new({"a": 1, "b": 2}), self.dead_id()
        before, heap = self.doc(i), self.heap()["objects"]
        for bad in ({"a": 5, "b": {"$ref": dead}}, {"a": None, "$x": 1}, {"c": {"n": {}}, "b": {"$ref": UNKNOWN}}, {"a": 9, "": 1}):
            self.problem(self.c.patch(f"/v1/objects/{i}", bad), (400, 422))
            self.assertEqual(self.doc(i), before)
        self.problem(self.c.patch(f"/v1/objects/{i}", [1]), (400, 422))
        self.assertTrue(eventually(lambda: self.heap()["objects"] == heap))

    def test_a_field_is_read_put_and_deleted(self):
        i = self.new({"a": 1})
        for value, status in ((2, 200), ({"$ref": i}, 200), (None, 200), ("x", 200)):
            said = self.c.put(f"/v1/objects/{i}/fields/a", json.dumps(value))
            self.assertEqual((said.status, said.json), (status, value))
            self.assertEqual(self.c.get(f"/v1/objects/{i}/fields/a").json, value)
        made = self.c.put(f"/v1/objects/{i}/fields/b%2Fc%20%C3%BC", {"n": 1})
        self.assertEqual((made.status, list(made.json)), (201, ["$ref"]))
        self.assertEqual(self.doc(i)["fields"], {"a": "x", "b/c ü": made.json})
        self.assertEqual(self.c.put(f"/v1/objects/{i}/fields/null", "null").status, 201)    # null is a value here
        self.assertEqual(self.doc(i)["fields"]["null"], None)
        self.ok(self.c.delete(f"/v1/objects/{i}/fields/null"), 204)
        for method in ("GET", "DELETE"):
            self.problem(self.c.request(method, f"/v1/objects/{i}/fields/null"), 404, "no-such-name")

    def test_items_append_replace_shift_and_end(self):
        i = self.new(items=["a", "b"])
        said = self.ok(self.c.post(f"/v1/objects/{i}/items", '"c"'), 201)
        self.assertEqual(said["index"], 2)
        self.assertEqual(self.ok(self.c.put(f"/v1/objects/{i}/items/1", {"$ref": i})), {"$ref": i})
        self.ok(self.c.delete(f"/v1/objects/{i}/items/0"), 204)
        self.assertEqual(self.doc(i)["items"], [{"$ref": i}, "c"])
        self.assertEqual(self.c.get(f"/v1/objects/{i}/items/1").json, "c")
        for method, body in (("GET", None), ("PUT", 1), ("DELETE", None)):
            self.problem(self.c.request(method, f"/v1/objects/{i}/items/2", body), 404, "no-such-name")
        for bad in ("-1", "x", "99999999999999999999"):
            self.problem(self.c.get(f"/v1/objects/{i}/items/{bad}"), (400, 404))

    def test_records_lists_and_bytes_are_not_mistaken_for_each_other(self):
        record, items = self.new({"a": 1}), self.new(items=[1])
        blob = self.ok(self.c.post("/v1/objects", b"abc", OCTETS), 201)["id"]
        three = (("GET", None), ("PUT", 1), ("DELETE", None))
        wrong = [(m, f"{x}/fields/a", b) for x in (items, blob) for m, b in three]
        wrong += [(m, f"{x}/items/0", b) for x in (record, blob) for m, b in three]
        wrong += [("POST", f"{x}/items", 1) for x in (record, blob)] + [("PATCH", f"{x}", {"a": 1}) for x in (items, blob)]
        wrong += [("GET", f"{items}/fields", None), ("GET", f"{record}/items", None)]
        wrong += [("GET", f"{x}/bytes", None) for x in (record, items)]
        for method, path, body in wrong:
            self.problem(self.c.request(method, f"/v1/objects/{path}", body), 422, "wrong-kind")

    def test_the_etag_is_strong_and_covers_contents_but_not_refs_or_generation(self):
        i, (_, other) = self.new({"a": 1}), self.session()
        tag = self.c.get(f"/v1/objects/{i}").headers["etag"]
        self.assertRegex(tag, r'^"[^"]+"$')
        self.ok(other.put(f"/v1/objects/{i}/hold"))
        self.collect(0)
        self.assertEqual(self.c.get(f"/v1/objects/{i}").headers["etag"], tag)
        changed = self.c.patch(f"/v1/objects/{i}", {"a": 2}).headers["etag"]
        self.assertNotEqual(changed, tag)
        self.assertEqual(self.c.get(f"/v1/objects/{i}").headers["etag"], changed)

    def test_if_match_guards_every_change(self):
        i, items = self.new({"a": 1}), self.new(items=[1])
        blob = self.ok(self.c.post("/v1/objects", b"abc", OCTETS), 201)["id"]
        for method, path, body in (("PATCH", f"{i}", {"a": 2}), ("PUT", f"{i}/fields/a", "2"), ("DELETE", f"{i}/fields/a", None),
                                   ("DELETE", f"{i}", None),
                                   ("PUT", f"{items}/items/0", "2"), ("DELETE", f"{items}/items/0", None),
                                   ("PUT", f"{blob}/bytes", b"x")):
            self.problem(self.c.request(method, f"/v1/objects/{path}", body, {"If-Match": '"stale"'}), 412, "changed")
        self.assertEqual((self.doc(i)["fields"], self.doc(items)["items"], self.doc(blob)["length"]), ({"a": 1}, [1], 3))

    def test_if_match_lets_the_first_change_pass_and_stops_the_second(self):
        i = self.new({"a": 1})
        tag = self.c.get(f"/v1/objects/{i}").headers["etag"]
        self.ok(self.c.patch(f"/v1/objects/{i}", {"a": 2}, {"If-Match": tag}))
        self.problem(self.c.patch(f"/v1/objects/{i}", {"a": 3}, {"If-Match": tag}), 412, "changed")
        self.problem(self.c.delete(f"/v1/objects/{i}", {"If-Match": tag}), 412, "changed")
        self.assertEqual(self.doc(i)["fields"], {"a": 2})

    def test_if_match_takes_a_list_or_any(self):
        i = self.new({"a": 1})
        tag = self.c.get(f"/v1/objects/{i}").headers["etag"]
        self.ok(self.c.patch(f"/v1/objects/{i}", {"a": 2}, {"If-Match": "*"}))
        self.problem(self.c.patch(f"/v1/objects/{i}", {"a": 3}, {"If-Match": f'"other", {tag}'}), 412, "changed")
        tag = self.c.get(f"/v1/objects/{i}").headers["etag"]
        self.ok(self.c.put(f"/v1/objects/{i}/fields/a", "4", {"If-Match": f'"other", {tag}'}))
        self.ok(self.c.delete(f"/v1/objects/{i}/fields/a", {"If-Match": "*"}), 204)

    def test_if_none_match_spares_the_body(self):
        i = self.new({"a": 1})
        tag = self.c.get(f"/v1/objects/{i}").headers["etag"]
        self.assertEqual(self.c.get(f"/v1/objects/{i}", {"If-None-Match": tag}).status, 304)
        for same in (tag, f'"x", {tag}', "*", f"W/{tag}"):
            said = self.c.get(f"/v1/objects/{i}", {"If-None-Match": same})
            self.assertEqual((said.status, said.raw, said.headers["etag"]), (304, b"", tag), same)
        self.ok(self.c.get(f"/v1/objects/{i}", {"If-None-Match": '"x"'}))

    def test_there_is_no_304_for_what_lies_below(self):
        child = self.new({"v": 1})
        parent = self.new({"c": {"$ref": child}})
        tag = self.c.get(f"/v1/objects/{parent}?depth=1").headers["etag"]
        self.ok(self.c.put(f"/v1/objects/{child}/fields/v", "2"))
        now = self.ok(self.c.get(f"/v1/objects/{parent}?depth=1", {"If-None-Match": tag}))
        self.assertEqual(now["fields"]["c"]["$doc"]["fields"], {"v": 2})

    def test_into_a_field_of_a_list_is_the_wrong_kind(self):
        into = {"id": self.new(items=[]), "field": "a"}
        self.problem(self.c.post("/v1/objects", {"fields": {}, "into": into}), 422, "wrong-kind")


if __name__ == "__main__":
    unittest.main()

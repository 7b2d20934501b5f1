"""test_objects_read.py - bytes and their ranges, HEAD, depth, pages, and finding objects by what they are."""
import json
import unittest

from heapd_test import HeapdTest

OCTETS = {"Content-Type": "application/octet-stream"}


class Bytes(HeapdTest):
    def blob(self, data, query=""):
        return self.ok(self.c.post("/v1/objects" + query, data, OCTETS), 201)

    def ranged(self, i, spec):
        said = self.c.get(f"/v1/objects/{i}/bytes", {"Range": spec})
        return said.status, said.raw, said.headers.get("content-range")

    def test_octets_make_a_bytes_object(self):
        data = bytes(range(256)) * 40
        doc = self.blob(data, "?class=Blob&root=the%20blob")
        self.assertEqual((doc["class"], doc["length"], doc["generation"], doc["refs"]), ("Blob", len(data), None, 1))
        self.assertGreaterEqual(doc["bytes"], len(data))
        said = self.c.get(f"/v1/objects/{doc['id']}/bytes")
        self.assertEqual((self.ok(said), said.raw, said.headers["content-type"]), (None, data, "application/octet-stream"))
        self.assertEqual(said.headers["x-content-type-options"], "nosniff")
        self.assertEqual(self.c.get("/v1/roots/the%20blob").json, {"$ref": doc["id"]})
        a = self.new()
        b = self.blob(b"x", f"?into={a}&field=b")
        self.assertEqual((self.doc(a)["fields"], b["refs"]), ({"b": {"$ref": b["id"]}}, 1))
        self.assertEqual(self.doc(self.blob(b"")["id"])["length"], 0)

    def test_put_replaces_the_whole(self):
        i = self.blob(b"before")["id"]
        tag = self.c.get(f"/v1/objects/{i}").headers["etag"]
        self.ok(self.c.put(f"/v1/objects/{i}/bytes", b"afterwards", OCTETS), 200, 204)
        self.assertEqual(self.c.get(f"/v1/objects/{i}/bytes").raw, b"afterwards")
        self.assertEqual(self.doc(i)["length"], 10)
        self.assertNotEqual(self.c.get(f"/v1/objects/{i}").headers["etag"], tag)

    def test_a_range_is_a_part(self):
        i = self.blob(b"0123456789")["id"]
        for spec, part, at in (("bytes=0-3", b"0123", "0-3"), ("bytes=4-", b"456789", "4-9"), ("bytes=-3", b"789", "7-9"),
                               ("bytes=8-99", b"89", "8-9"),
                               ("bytes=-99", b"0123456789", "0-9"), ("bytes=9-9", b"9", "9-9")):
            self.assertEqual(self.ranged(i, spec), (206, part, f"bytes {at}/10"), spec)

    def test_a_range_outside_is_416_and_one_that_says_nothing_is_ignored(self):
        i = self.blob(b"0123456789")["id"]
        for spec in ("bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999-"):
            said = self.c.get(f"/v1/objects/{i}/bytes", {"Range": spec})
            self.problem(said, 416)
            self.assertNotIn("accept-ranges", said.headers)     # what was said of the content is not said of the problem
            self.assertEqual(said.headers["content-range"], "bytes */10")
        for spec in ("bytes=x", "lines=0-1", "bytes=5-2", "bytes="):
            self.assertEqual(self.ranged(i, spec)[:2], (200, b"0123456789"), spec)

    def test_megabytes_come_back_whole_and_in_parts(self):
        data = b"".join(n.to_bytes(4, "big") for n in range(500000))
        i = self.blob(data)["id"]
        self.assertEqual(self.c.get(f"/v1/objects/{i}/bytes").raw, data)
        self.assertEqual(self.ranged(i, "bytes=1000000-1000007")[1], data[1000000:1000008])


class Reading(HeapdTest):
    def test_head_answers_as_get_without_a_body(self):
        i, items, blob = self.new({"a": 1}), self.new(items=[1]), self.ok(self.c.post("/v1/objects", b"abc", OCTETS), 201)["id"]
        self.root("h", i)
        for path in (f"/v1/objects/{i}", f"/v1/objects/{i}/fields/a", f"/v1/objects/{items}/items/0", f"/v1/objects/{i}/fields",
                     f"/v1/objects/{items}/items",
                     f"/v1/objects/{blob}/bytes", f"/v1/objects/{i}/referrers", f"/v1/objects/{i}/referents", "/v1/objects",
                     "/v1/roots", "/v1/roots/h", "/v1/weak",
                     "/v1/sessions", "/v1/sessions/self", "/v1/sessions/0/holds", "/v1/gc", "/v1/gc/log", "/v1/gc/garbage",
                     "/v1/heap", "/v1/heap/pools",
                     "/v1/heap/classes", "/v1/config", "/livez", "/readyz", "/metrics", "/openapi.json", "/v1/objects/99999999"):
            get, head = self.c.get(path), self.c.head(path)
            self.assertEqual((head.status, head.raw, head.headers.get("content-type")),
                             (get.status, b"", get.headers.get("content-type")), path)
            self.assertNotEqual(head.headers.get("content-length"), "0", path)
        self.assertEqual(self.c.head(f"/v1/objects/{i}").headers["etag"], self.c.get(f"/v1/objects/{i}").headers["etag"])

    def test_depth_shows_each_object_once(self):
        d = self.new({"v": 4})
        b, c = self.new({"d": {"$ref": d}}), self.new({"d": {"$ref": d}})
        a = self.new({"b": {"$ref": b}, "c": {"$ref": c}})
        self.link(d, "a", a)                                        # a cycle through all
        self.assertEqual(self.doc(a, "?depth=0"), self.doc(a))
        one = self.doc(a, "?depth=1")["fields"]
        self.assertEqual((one["b"]["$ref"], one["b"]["$doc"]["fields"], one["c"]["$doc"]["id"]), (b, {"d": {"$ref": d}}, c))
        deep = json.dumps(self.doc(a, "?depth=9"))
        self.assertEqual((deep.count('"$doc"'), deep.count('"v": 4')), (3, 1))

    def test_a_depth_that_is_no_number_is_refused(self):
        i = self.new()
        for bad in ("-1", "x", "1.5"):
            self.problem(self.c.get(f"/v1/objects/{i}?depth={bad}"), (400, 422))

    def test_depth_shows_at_most_1000_objects(self):
        i = self.new(items=[[{} for _ in range(700)] for _ in range(3)])
        doc = self.doc(i, "?depth=3")
        self.assertTrue(doc["more"])
        self.assertIn(json.dumps(doc).count('"$doc"'), (999, 1000))
        self.assertNotIn("more", self.doc(i))

    def test_what_is_too_large_for_a_document_is_read_in_pages(self):
        record, items = self.new({f"f{n}": n for n in range(2300)}), self.new(items=list(range(2300)))
        small = self.new(items=list(range(1000)))
        self.assertEqual((len(self.doc(small)["items"]), self.doc(small).get("more")), (1000, None))
        for i, part in ((record, "fields"), (items, "items")):
            doc = self.doc(i)
            self.assertTrue(doc["more"], part)
            self.assertLessEqual(len(doc[part]), 1000)
            pages = self.pages(f"/v1/objects/{i}/{part}", 700)
            self.assertEqual(len(pages), 2300)
            self.assertIn("2299", json.dumps(pages[-1]))
            self.assertEqual(len(self.pages(f"/v1/objects/{i}/{part}")), 2300)
        self.assertEqual(self.c.get(f"/v1/objects/{items}/items/2299").json, 2299)

    def test_objects_are_listed_by_class_generation_and_site(self):
        tagged = self.client(**{"Heapd-Site": "loader: phase 1"})
        old = {self.new(kind="Old") for _ in range(3)}
        self.collect(1)
        young, at = {self.new(kind="Young") for _ in range(3)}, {self.new({"x": {}}, "Sited", tagged) for _ in range(2)}
        ids = lambda query: {d["id"] for d in self.pages("/v1/objects?" + query, 2)}
        self.assertEqual((ids("class=Old"), ids("class=Young"), ids("class=None")), (old, young, set()))
        self.assertTrue(old <= ids("generation=2") and not young & ids("generation=2") and young <= ids("generation=0"))
        self.assertEqual(len(ids("site=loader:%20phase%201")), 4)
        self.assertEqual(ids("site=loader:%20phase%201&class=Sited&generation=0"), at)
        for bad in ("generation=3", "generation=-1", "generation=x"):
            self.problem(self.c.get("/v1/objects?" + bad), 422)

    def test_paging_is_stable_while_the_heap_changes(self):
        ids, seen, cursor = [self.new(kind="Page") for _ in range(60)], [], ""
        keep = set(ids[::2])
        while cursor is not None:
            page = self.ok(self.c.get(f"/v1/objects?class=Page&limit=7{cursor and f'&cursor={cursor}'}"))
            seen += [d["id"] for d in page["items"]]
            cursor = page["next"]
            for i in [i for i in ids[1::2] if self.alive(i)][:3]:
                self.drop(i)
            self.new(kind="Page")
        self.assertEqual(len(seen), len(set(seen)))
        self.assertLessEqual(keep, set(seen))

    def test_a_limit_outside_1_to_1000_is_refused(self):
        i, items = self.new({"a": 1}), self.new(items=[1])
        for path in ("/v1/objects", "/v1/roots", "/v1/weak", "/v1/sessions", "/v1/sessions/0/holds", f"/v1/objects/{i}/referrers",
                     f"/v1/objects/{i}/referents",
                     f"/v1/objects/{i}/fields", f"/v1/objects/{items}/items", "/v1/gc/garbage"):
            for bad in ("0", "-1", "1001", "x", "1.5", ""):
                self.problem(self.c.get(f"{path}?limit={bad}"), 422, "bad-value")
            for fine in (1, 1000):
                self.ok(self.c.get(f"{path}?limit={fine}"))

    def test_a_cursor_that_nobody_gave_is_refused(self):
        for path in ("/v1/objects", "/v1/roots", "/v1/weak", "/v1/sessions"):
            self.problem(self.c.get(f"{path}?cursor=%01nonsense"), (400, 422))


if __name__ == "__main__":
    unittest.main()

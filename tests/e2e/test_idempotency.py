"""
test_idempotency.py - a POST with an Idempotency-Key is done once, whatever is lost and however often it is sent.
"""
import json
import signal
import threading
import time
import unittest
import uuid

from heapd_test import Client, HeapdTest, eventually, request
from test_doors import ADMIN, WRITE, Files, bearer

OCTETS = {"Content-Type": "application/octet-stream"}
MIB = 1 << 20


def keyed(key=None, **more):
    return {"Idempotency-Key": key or str(uuid.uuid4()), **more}


def ops(*lines):
    return "".join(json.dumps(line) + "\n" for line in lines)


class Keyed(HeapdTest):
    fresh = True

    def replayed(self, answer):
        return answer.headers.get("idempotent-replayed") == "true"

    def first(self, answer, *statuses):
        self.ok(answer, *statuses)
        self.assertNotIn("idempotent-replayed", answer.headers)
        return answer

    def again(self, answer, first):
        """The same answer, and it says so."""
        self.assertTrue(self.replayed(answer), answer)
        for name in ("location", "etag", "content-type", "heapd-durable"):
            self.assertEqual(answer.headers.get(name), first.headers.get(name), name)
        self.assertEqual((answer.status, answer.raw), (first.status, first.raw))

    def other_request(self, answer):
        self.assertIn("needs a new key", self.problem(answer, 422, "bad-value")["detail"])

    def count(self):
        return self.heap()["objects"]

    def config(self, **settings):
        self.ok(self.c.patch("/v1/config", settings))

    def metric(self, name):
        lines = self.c.get("/metrics").raw.decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


class Retries(Keyed):
    def test_a_retry_gets_the_first_answer(self):
        into = self.new(items=[])
        for path, body in (("/v1/objects", {"class": "Node", "fields": {"n": 1}}), (f"/v1/objects/{into}/items", [1]),
                           ("/v1/objects?class=Blob", b"\0\1\2"), ("/v1/sessions", {"label": "w", "ttl": 60}), ("/v1/sessions", None),
                           ("/v1/gc/collect", {"generation": 0}), ("/v1/heap/purge", None), ("/v1/heap/validate", None)):
            headers = keyed(**OCTETS if isinstance(body, bytes) else {})
            first = self.first(self.c.post(path, body, headers), 200, 201)
            before = (self.count(), len(self.pages("/v1/sessions")), len(self.pages(f"/v1/objects/{into}/items")))
            for _ in range(3):
                self.again(self.c.post(path, body, headers), first)
            after = (self.count(), len(self.pages("/v1/sessions")), len(self.pages(f"/v1/objects/{into}/items")))
            self.assertEqual(after, before, path)

    def test_what_was_sent_whole_is_done_and_its_answer_waits_for_the_retry(self):
        for n in range(20):
            key, w = str(uuid.uuid4()), self.wire()
            w.ask("POST", "/v1/objects", {"class": "Lost"}, f"Idempotency-Key: {key}")
            w.close()                                               # whoever was to read the answer is gone
            self.assertTrue(eventually(lambda: len(self.pages("/v1/objects?class=Lost")) == n + 1))
            said = self.c.post("/v1/objects", json.dumps({"class": "Lost"}), keyed(key))
            self.ok(said, 201)
            self.assertTrue(self.replayed(said))
            self.assertEqual(said.headers["location"], f"/v1/objects/{said.json['id']}")
            self.assertTrue(self.alive(said.json["id"]))
        self.assertEqual(len(self.pages("/v1/objects?class=Lost")), 20)

    def test_what_was_not_sent_whole_leaves_the_key_free(self):
        for end in ("close", "reset"):
            key, w = str(uuid.uuid4()), self.wire()
            w.send(request(self.daemon, "POST", "/v1/objects", {"class": "Half"}, f"Idempotency-Key: {key}")[:-1])
            time.sleep(0.05)
            other = self.c.post("/v1/objects", {"class": "Half", "fields": {}}, keyed(key))
            self.first(other, 201)                                  # nobody waits for what may never come whole
            if end == "close":
                w.close()
            else:
                w.send("}")                                         # it comes late, and is another request by now
                self.other_request(w.answer())
        self.assertEqual(self.count(), 2)

    def test_many_at_once_are_done_once(self):
        for path in ("/v1/objects", "/v1/batch?reply=summary"):
            key, said = keyed(), []
            body = json.dumps({"class": "Once"}) if path == "/v1/objects" else ops(["new", "Once", {}], ["hold", "@0"])

            def post():
                c = Client(self.daemon)
                while (answer := c.post(path, body, key)).status == 409:
                    self.assertEqual(answer.headers["retry-after"], "1")
                said.append(answer)
                c.close()
            threads = [threading.Thread(target=post) for _ in range(16)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(len({a.raw for a in said}), 1)
            self.assertEqual(sorted(map(self.replayed, said)), [False] + [True] * 15)
        self.assertEqual(len(self.pages("/v1/objects?class=Once")), 2)

    def test_a_pipelined_retry_is_one_too(self):
        w = self.wire()
        one = request(self.daemon, "POST", "/v1/objects", {"class": "N"}, 'Idempotency-Key: "quoted"')
        w.send(one * 3 + request(self.daemon, "GET", "/v1/heap"))
        first = self.first(w.answer(), 201)
        for _ in range(2):
            self.again(w.answer(), first)
        self.assertEqual(w.answer().json["objects"], 1)

    def test_another_path_query_or_body_is_refused(self):
        i, key = self.new(items=[]), keyed()
        first = self.first(self.c.post("/v1/objects", {"class": "N"}, key), 201)
        for path, body in (("/v1/objects", {"class": "M"}), ("/v1/objects", ""), ("/v1/objects", ' {"class": "N"}'),
                           ("/v1/objects?root=r", {"class": "N"}), ("/v1/sessions", {"class": "N"}),
                           (f"/v1/objects/{i}/items", {"class": "N"}), ("/v1/batch?reply=summary", {"class": "N"})):
            self.other_request(self.c.post(path, body, key))
        self.other_request(self.c.post("/v1/objects", {"class": "N"}, {**key, **OCTETS}))
        self.again(self.c.post("/v1/objects", {"class": "N"}, {**key, "Heapd-Site": "another"}), first)
        self.assertEqual(self.count(), 2)

    def test_other_methods_take_no_notice(self):
        i, key = self.new(), keyed()
        for n in range(2):
            for said in (self.c.get("/v1/heap", key), self.c.head("/v1/heap", key), self.c.put(f"/v1/objects/{i}/fields/a", str(n), key),
                         self.c.patch(f"/v1/objects/{i}", {"b": n}, key), self.c.delete(f"/v1/objects/{i}/fields/a", key)):
                self.first(said, 200, 201, 204)
        self.assertEqual(self.doc(i)["fields"], {"b": 1})
        self.first(self.c.post("/v1/objects", {}, key), 201)

    def test_a_key_is_printable_and_of_255_bytes_at_most(self):
        for bad in ("", '""', "a\tb", "ü".encode("latin-1"), "k" * 256):
            self.problem(self.c.post("/v1/objects", {}, {"Idempotency-Key": bad}), 400, "bad-request")
        w = self.wire()
        self.problem(w.ask("POST", "/v1/objects", {}, "Idempotency-Key: a", "Idempotency-Key: a").answer(), 400, "bad-request")
        for good in ("k" * 255, "two words", "0"):
            self.first(self.c.post("/v1/objects", {}, {"Idempotency-Key": good}), 201)
        self.assertEqual(self.count(), 3)

    def test_sessions_do_not_share_keys(self):
        (_, one), (_, two), key = self.session(), self.session(), keyed()
        made = [self.first(c.post("/v1/objects", {}, key), 201).json["id"] for c in (one, two, self.c)]
        self.assertEqual(len(set(made)), 3)
        for c, i in zip((one, two, self.c), made):
            self.assertEqual(self.ok(c.post("/v1/objects", {}, key), 201)["id"], i)
            self.ok(c.delete(f"/v1/objects/{i}"))                   # and it is held where it was made


class Kept(Keyed):
    def test_a_problem_is_an_answer_too(self):
        i, key = self.new(items=[]), keyed()
        body = {"into": {"id": i + 1}}                              # the next list will be that
        self.problem(self.c.post("/v1/objects", body, key), (404, 422))
        while not self.c.get(f"/v1/objects/{i + 1}").status == 200:
            self.new(items=[])
        said = self.c.post("/v1/objects", body, key)                # it could go well by now
        self.problem(said, (404, 422))
        self.assertTrue(self.replayed(said))
        self.first(self.c.post("/v1/objects", body, keyed()), 201)

    def test_what_is_refused_at_the_door_uses_up_no_key(self):
        key = keyed()
        self.problem(self.c.post("/v1/objects", {}, {**key, "If-Heapd-Instance": "x"}), 412)
        self.problem(self.c.post("/v1/objects", {}, {**key, "Heapd-Session": "x"}), 409, "session-ended")
        self.config(json_body_bytes_max=1024)
        self.problem(self.c.post("/v1/objects", {"class": "x" * 2000}, key), 413)
        self.first(self.c.post("/v1/objects", {}, key), 201)

    def test_what_may_go_well_later_is_tried_again(self):
        key = keyed()
        self.config(sessions_max=1)
        self.ok(self.c.post("/v1/sessions"), 201)
        self.problem(self.c.post("/v1/sessions", None, key), 429, "too-many")
        self.config(sessions_max=2)
        first = self.first(self.c.post("/v1/sessions", None, key), 201)
        self.again(self.c.post("/v1/sessions", None, key), first)

    def test_idempotency_answer_bytes_max(self):
        key, body = keyed(), {"class": "Long", "fields": {"text": "x" * 5000}}
        first = self.first(self.c.post("/v1/objects", body, key), 201)
        for _ in range(2):
            said = self.c.post("/v1/objects", body, key)
            doc = self.problem(said, 409, "answer-not-kept")
            self.assertEqual(doc["limit"], {"name": "idempotency_answer_bytes_max", "value": 4096})
            self.assertEqual(said.headers["location"], first.headers["location"])
            self.assertFalse(self.replayed(said))
        self.other_request(self.c.post("/v1/objects", {}, key))
        self.config(idempotency_answer_bytes_max=len(first.raw))
        for text, fits in (("x" * 5000, True), ("x" * 5100, False)):
            key, body = keyed(), {"class": "Long", "fields": {"text": text}}
            first = self.first(self.c.post("/v1/objects", body, key), 201)
            said = self.c.post("/v1/objects", body, key)
            self.again(said, first) if fits else self.problem(said, 409, "answer-not-kept")
        self.assertEqual(self.count(), 3)

    def test_idempotency_keys_max(self):
        self.config(idempotency_keys_max=5)
        keys = [keyed() for _ in range(8)]
        made = [self.first(self.c.post("/v1/objects", {}, key), 201) for key in keys]
        for key, first in list(zip(keys, made))[3:]:
            self.again(self.c.post("/v1/objects", {}, key), first)
        self.first(self.c.post("/v1/objects", {}, keys[0]), 201)    # forgotten, so it is done again
        self.assertEqual((self.metric("heapd_idempotency_keys"), self.metric("heapd_idempotency_evicted_total")), (5, 4))
        self.assertEqual(self.metric("heapd_idempotency_replays_total"), 5)
        self.config(idempotency_keys_max=1)
        self.assertTrue(eventually(lambda: self.metric("heapd_idempotency_keys") == 1))
        self.again(self.c.post("/v1/objects", {}, keys[0]), self.c.post("/v1/objects", {}, keys[0]))

    def test_idempotency_keep_ms(self):
        self.config(idempotency_keep_ms=400)
        key = keyed()
        first = self.first(self.c.post("/v1/objects", {}, key), 201)
        began = time.monotonic()
        self.again(self.c.post("/v1/objects", {}, key), first)
        self.assertTrue(eventually(lambda: self.metric("heapd_idempotency_keys") == 0))   # by itself
        self.assertGreater(time.monotonic() - began, 0.35)
        self.first(self.c.post("/v1/objects", {}, key), 201)

    def test_the_bytes_of_what_is_kept_are_named_and_go_back(self):
        before = self.heap()["bytes"]["idempotency"]
        self.config(idempotency_keys_max=3000)
        w = self.wire()
        for part in range(60):
            w.send(b"".join(request(self.daemon, "POST", "/v1/sessions", {"ttl": 0}, f"Idempotency-Key: {part}-{n}") for n in range(100)))
            for _ in range(100):
                self.problem(w.answer(), 422)
        b = self.heap()["bytes"]
        self.assertEqual(b["accounted"], sum(b[k] for k in ("committed", "large", "side", "gc", "sessions", "idempotency", "events", "other")))
        self.assertTrue(3000 * 300 < b["idempotency"] < 3000 * 1000, b)
        self.assertTrue(0 <= b["other"] < MIB, b)
        self.config(idempotency_keep_ms=1)
        self.assertTrue(eventually(lambda: self.heap()["bytes"]["idempotency"] < before + 100_000))


class Batches(Keyed):
    def test_a_summary_is_replayed_and_nothing_runs_twice(self):
        i, key = self.new(items=[]), keyed()
        body = ops(*([["push", i, n] for n in range(3000)]))
        first = self.first(self.c.post("/v1/batch?reply=summary", body, key))
        self.assertEqual(json.loads(first.raw), {"done": 3000, "failed": 0})
        self.again(self.c.post("/v1/batch?reply=summary", body, key), first)
        self.other_request(self.c.post("/v1/batch?reply=summary", body + ops(["push", i, 0]), key))
        self.assertEqual(len(self.pages(f"/v1/objects/{i}/items", 1000)), 3000)

    def test_answers_line_by_line_are_not_kept_so_such_a_batch_takes_no_key(self):
        doc = self.problem(self.c.post("/v1/batch", ops(["new", "N", {}]), keyed()), 422, "bad-value")
        self.assertIn("reply=summary", doc["detail"])
        self.assertEqual(self.heap()["created"], 0)

    def test_an_atomic_batch_is_done_once_and_answered_as_the_first_time(self):
        i, key = self.new({"n": 0}), keyed()
        body = ops(["is", i, "n", 0], ["set", i, "n", 1], ["new", "A", {}])
        first = self.first(self.c.post("/v1/batch?atomic=true", body, key))
        again = self.c.post("/v1/batch?atomic=true", body, key)     # by now n is 1, and it would fail
        self.assertEqual((again.status, again.raw), (200, first.raw))
        self.assertTrue(self.replayed(again))

    def test_one_that_was_taken_back_is_not_done_later(self):
        i, key = self.new({"n": 0}), keyed()
        body = ops(["set", i, "n", 7], ["is", i, "n", 8])
        self.problem(self.c.post("/v1/batch?atomic=true", body, key), 412, "changed")
        again = self.c.post("/v1/batch?atomic=true", body, key)
        self.problem(again, 412, "changed")
        self.assertTrue(self.replayed(again))
        self.assertEqual(self.doc(i)["fields"], {"n": 0})

    def test_a_failed_batch_is_not_run_on(self):
        key, body = keyed(), ops(["new", "N", {}], ["hold", "@0"], ["get", 10**12], ["new", "N", {}])
        first = self.first(self.c.post("/v1/batch?reply=summary", body, key))
        self.assertEqual((json.loads(first.raw)["done"], json.loads(first.raw)["line"]), (2, 2))
        self.again(self.c.post("/v1/batch?reply=summary", body, key), first)
        self.assertEqual(self.count(), 1)

    def open_batch(self, key, *lines):
        """Ops that have been sent and done, more to come."""
        before = self.heap()["created"]
        s = self.stream(f"Idempotency-Key: {key['Idempotency-Key']}", query="?reply=summary")
        s.chunk(ops(*lines).encode())
        news = sum(line[0] == "new" for line in lines)
        self.assertTrue(eventually(lambda: self.heap()["created"] == before + news))
        return s

    def test_while_one_is_sent_its_retry_is_told_to_wait(self):
        key = keyed()
        s = self.open_batch(key, ["new", "N", {}])
        said = self.c.post("/v1/batch?reply=summary", ops(["new", "N", {}]), key)
        self.problem(said, 409, "busy")
        self.assertEqual(said.headers["retry-after"], "1")
        self.assertEqual(s.end(), {"done": 1, "failed": 0})
        self.assertTrue(self.replayed(self.c.post("/v1/batch?reply=summary", ops(["new", "N", {}]), key)))

    def test_the_retry_of_one_that_was_cut_off_is_told_how_far_it_came(self):
        key, lines = keyed(), (["new", "N", {}], ["hold", "@0"], ["new", "N", {}], ["hold", "@2"])
        self.open_batch(key, *lines[:3]).close()
        while (said := self.c.post("/v1/batch?reply=summary", ops(*lines), key)).status == 409:
            time.sleep(0.01)
        doc = json.loads(said.raw)
        self.assertTrue(self.replayed(said))
        self.assertEqual((doc["done"], doc["failed"], doc["line"]), (3, 1, 3))
        self.assertIn("cut off", doc["problem"]["detail"])
        self.other_request(self.c.post("/v1/batch?reply=summary", ops(*lines[1:]), key))
        self.assertEqual(self.heap()["created"], 2)

    def test_a_chunked_body_is_the_same_as_one_with_a_length(self):
        key, body = keyed(), ops(["new", "N", {}], ["hold", "@0"])
        first = self.first(self.c.post("/v1/batch?reply=summary", body, key))
        for size in (1, 7, 100):
            s = self.stream(f"Idempotency-Key: {key['Idempotency-Key']}", query="?reply=summary")
            for at in range(0, len(body), size):
                s.chunk(body[at:at + size].encode())
            self.assertEqual(s.end(), json.loads(first.raw))
        self.assertEqual(self.heap()["created"], 1)


class Clients(Files, Keyed):
    def begin(self):
        self.options = ("--token-file", self.tokens)
        super().begin()
        self.c.close()
        self.c = Client(self.daemon, **bearer(ADMIN))

    def end(self):
        self.c.close()
        self.daemon.terminate()
        self.assertEqual(self.daemon.finish(), 0, self.daemon.last_words)

    def test_clients_do_not_share_keys_and_keep_theirs_with_a_new_token(self):
        eve, bob, key = self.client(**bearer(ADMIN)), self.client(**bearer(WRITE)), keyed()
        first = self.first(eve.post("/v1/objects", {}, key), 201)
        other = self.first(bob.post("/v1/objects", {}, key), 201)
        self.assertNotEqual(first.json["id"], other.json["id"])
        self.write_tokens(f"eve admin {ADMIN}\nbob write new-{WRITE}\n")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.assertTrue(eventually(lambda: bob.get("/v1/gc").status == 401))
        self.problem(bob.post("/v1/objects", {}, key), 401, "unauthorized")
        self.again(self.client(**bearer(f"new-{WRITE}")).post("/v1/objects", {}, key), other)


class FullHeap(Keyed):
    options = ("--max-memory", "4M")

    def test_what_had_no_room_is_tried_again_and_what_was_done_is_answered(self):
        done, late = keyed(**OCTETS), keyed(**OCTETS)
        first = self.first(self.c.post("/v1/objects", b"a", done), 201)
        ids = []
        while (said := self.c.post("/v1/objects", b"b" * 100_000, OCTETS)).status == 201:
            ids.append(said.json["id"])
        self.problem(self.c.post("/v1/objects", b"c" * 100_000, late), 507, "heap-full")
        self.again(self.c.post("/v1/objects", b"a", done), first)
        self.drop(ids[0])
        self.drop(ids[1])
        made = self.first(self.c.post("/v1/objects", b"c" * 100_000, late), 201)
        self.again(self.c.post("/v1/objects", b"c" * 100_000, late), made)
        self.validate_clean()


if __name__ == "__main__":
    unittest.main()

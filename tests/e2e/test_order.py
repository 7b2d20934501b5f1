"""test_order.py - several clients at once: one order of events for all, and a request that is cut happens once or never."""
import json
import random
import socket
import struct
import threading
import unittest

from heapd_test import Client, HeapdTest, eventually, request

CLIENTS = 8
EACH = 40
CUTS = 200


class Order(HeapdTest):
    fresh = True

    def at_once(self, act):
        """act(client, number) by CLIENTS threads, each with a connection of its own; what each answered."""
        said, wrong = [None] * CLIENTS, []

        def run(n):
            c = Client(self.daemon)
            try:
                said[n] = act(c, n)
            except Exception as e:
                wrong.append(e)
            finally:
                c.close()

        threads = [threading.Thread(target=run, args=(n,)) for n in range(CLIENTS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])
        return said

    def items(self, i):
        return self.pages(f"/v1/objects/{i}/items", limit=1000)

    def test_what_all_append_stands_where_each_was_told(self):
        i = self.new(items=[])

        def append(c, n):
            return [self.ok(c.post(f"/v1/objects/{i}/items", n * 1000 + k), 201)["index"] for k in range(EACH)]

        told = self.at_once(append)
        items = self.items(i)
        self.assertEqual(sorted(index for indexes in told for index in indexes), list(range(CLIENTS * EACH)))
        for n, indexes in enumerate(told):
            self.assertEqual(indexes, sorted(indexes))               # each sees its own in order
            self.assertEqual([items[index] for index in indexes], [n * 1000 + k for k in range(EACH)])

    def test_no_update_is_lost_with_if_match(self):
        i = self.new({"n": 0})

        def count(c, _):
            done = 0
            while done < EACH:
                said = c.get(f"/v1/objects/{i}")
                n = said.json["fields"]["n"]
                put = c.put(f"/v1/objects/{i}/fields/n", json.dumps(n + 1), {"If-Match": said.headers["etag"]})
                self.assertIn(put.status, (200, 412))
                done += put.status == 200
            return done

        self.assertEqual(sum(self.at_once(count)), CLIENTS * EACH)
        self.assertEqual(self.doc(i)["fields"]["n"], CLIENTS * EACH)

    def test_what_one_was_answered_the_other_sees(self):
        """A writes and is answered; whatever B asks from then on shows it, on whatever connection."""
        i, other = self.new({"n": 0}), self.client()
        for n in range(200):
            self.put(i, "n", n)
            self.assertEqual(self.ok(other.get(f"/v1/objects/{i}"))["fields"]["n"], n)

    def test_a_transfer_in_a_patch_is_seen_whole_or_not_at_all(self):
        i = self.new({"a": 1000, "b": 0})
        stop = threading.Event()

        def act(c, n):
            if n == 0:
                for k in range(300):
                    self.ok(c.patch(f"/v1/objects/{i}", {"a": 1000 - k, "b": k}))
                stop.set()
                return 0
            seen = 0
            while not stop.is_set():
                fields = self.ok(c.get(f"/v1/objects/{i}"))["fields"]
                self.assertEqual(fields["a"] + fields["b"], 1000)
                seen += 1
            return seen

        self.assertGreater(sum(self.at_once(act)), CLIENTS)


class Cuts(HeapdTest):
    fresh = True

    def append(self, i, n):
        return request(self.daemon, "POST", f"/v1/objects/{i}/items", str(n))

    @staticmethod
    def leave(w, reset):
        if reset:
            w.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        w.close()

    def appended(self, i):
        return self.pages(f"/v1/objects/{i}/items", limit=1000)

    def test_a_request_cut_at_any_byte_happens_once_or_never(self):
        dice = random.Random(4)
        i, whole, cut = self.new(items=[]), set(), set()
        for n in range(10_000, 10_000 + CUTS):
            text, w = self.append(i, n), self.wire()
            at = dice.choice((len(text), dice.randrange(len(text))))
            w.send(text[:at])
            reset = dice.random() < 0.5
            if at < len(text):
                cut.add(n)
            elif not reset:
                whole.add(n)                                         # it arrives, whoever waits for the answer
            self.leave(w, reset)
        self.assertTrue(eventually(lambda: whole <= set(self.appended(i))))
        got = self.appended(i)
        self.assertEqual(len(got), len(set(got)))
        self.assertEqual(set(got) & cut, set())

    def test_of_a_pipeline_that_is_cut_a_beginning_is_done(self):
        dice = random.Random(5)
        for _ in range(20):
            i, w = self.new(items=[]), self.wire()
            text = b"".join(self.append(i, n) for n in range(100, 150))
            each = len(text) // 50
            at = dice.randrange(len(text))
            w.send(text[:at])
            self.leave(w, reset=False)
            self.assertTrue(eventually(lambda: len(self.appended(i)) == at // each))
            self.assertEqual(self.appended(i), list(range(100, 100 + at // each)))


if __name__ == "__main__":
    unittest.main()

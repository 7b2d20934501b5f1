"""test_load_verdicts.py - heapctl load: who leaks is found, by site and class, and who does not is acquitted.

A verdict is of the whole heap, so each run has a daemon of its own, and many run at once. The long form judges every scenario on
SEEDS_LONG seeds; misses and false alarms are counted."""
import concurrent.futures
import json
import os
import unittest

from heapd_test import Client, Daemon, eventually
from load_test import AS_EXPECTED, CANNOT_TELL, NOT_AS_EXPECTED, load

LONG = "HEAPD_TEST_LONG" in os.environ
SEEDS_SHORT, SEEDS_LONG = 2, 20
AT_ONCE = 6                                     # runs
RATE, SECONDS = 200, 9                          # of a short one
FASTER = {"slow-leak": 1000}                    # one in 100 is forgotten: a few dozen in all
LEAKS = {"slow-leak": ("Request", "object"), "session-leak": ("Work", "object"), "listener-leak": ("Listener",),
         "cache-without-eviction": ("Entry",)}
CLEAN = ("churn", "cycle-churn", "session-expiry", "listener-churn", "cache-with-eviction", "big-graph-drop", "fragmentation")


def is_as(client, before):
    """The heap has in it what it had; leases of two seconds may have to end first."""
    client.post("/v1/gc/collect")
    now = client.get("/v1/heap").json
    return all(now[k] == before[k] for k in ("objects", "roots", "weak_names", "sessions"))


class Scenarios(unittest.TestCase):
    def judged(self, name, seed):
        """One run against a daemon of its own, which must be as before afterwards: its document."""
        daemon = Daemon()
        client = Client(daemon)
        try:
            before = client.get("/v1/heap").json
            said = load(daemon.port, name, "--rate", FASTER.get(name, RATE), "--duration", SECONDS, "--seed", seed, "--json")
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertTrue(eventually(lambda: is_as(client, before)), (name, before, client.get("/v1/heap").json))
            self.assertEqual(client.post("/v1/heap/validate").json["broken"], [])
            return json.loads(said.stdout)
        finally:
            client.close()
            daemon.terminate()
            daemon.finish()

    def wrong(self, name, seed):
        """None, or what is wrong with the verdict. One that cannot tell, or was not answered, is asked once more: the machine may
        have stood still."""
        for _ in range(2):
            document = self.judged(name, seed)
            verdict = document["verdict"]
            if verdict["leak"] is not None and document["ops"]["failed"] == 0:
                break
        what = f"{name} seed {seed}: {verdict['leak']} {verdict['sentence']} floor {document['floor']} growing {verdict['growing']}"
        if document["ops"]["failed"] or document["ops"]["done"] == 0:
            return f"{name} seed {seed}: {document['ops']}"
        if verdict["leak"] is not (name in LEAKS):
            return what
        if name in LEAKS and (verdict["site"] != f"load/{name}" or verdict["class"] not in LEAKS[name]):
            return what
        return None

    def test_who_leaks_is_named_and_who_does_not_is_acquitted(self):
        seeds = SEEDS_LONG if LONG else SEEDS_SHORT
        runs = [(name, seed) for seed in range(1, seeds + 1) for name in (*LEAKS, *CLEAN)]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            said = list(zip(runs, pool.map(lambda run: self.wrong(*run), runs)))
        wrong = [what for _, what in said if what]
        misses = sum(1 for (name, _), what in said if what and name in LEAKS)
        print(f"load: {len(runs)} runs, {misses} misses, {len(wrong) - misses} false alarms or other", flush=True)
        self.assertFalse(wrong, "\n".join(wrong))

    def status(self, name, expected, seconds):
        daemon = Daemon()
        try:
            words = ("--expect", expected) if expected else ()
            return load(daemon.port, name, *words, "--duration", seconds, "--rate", RATE)
        finally:
            daemon.terminate()
            daemon.finish()

    def test_the_exit_status_says_whether_it_is_as_expected(self):
        runs = {("churn", "no-leak", 8): AS_EXPECTED, ("churn", "leak", 8): NOT_AS_EXPECTED, ("churn", "no-leak", 1): CANNOT_TELL,
                ("listener-leak", "leak", 8): AS_EXPECTED, ("listener-leak", "no-leak", 8): NOT_AS_EXPECTED, ("churn", None, 1): 0}
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for run, said in zip(runs, pool.map(lambda run: self.status(*run), runs)):
                self.assertEqual(said.returncode, runs[run], (run, said.stdout, said.stderr))
                self.assertIn("Cannot tell: " if run[2] == 1 else ": ", said.stdout)


if __name__ == "__main__":
    unittest.main()

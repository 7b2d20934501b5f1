#!/usr/bin/python3
"""
soak.py - heapd under a mix of scenarios for a long time, watched from outside and from inside, and judged (tests/soak calls it).

One heapd with --data lives through phases of `heapctl load`: `clean`, a mix of all scenarios that do not leak; one phase for each
that does, beside one that does not; and `after`, clean again. All the while its memory, files and store are sampled from /proc,
and its heap is counted anew (POST /v1/heap/validate). What comes of it is written to --out even if things go wrong: soak.json
(everything), PHASE.json and PHASE.html of each load, soak.svg. soak_judge.py says what must hold; the exit status is 0 if it does.

Its ring of last events is made to hold 1,000: then it is full before the warm-up is over, and no part of what is judged.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import soak_judge
import soak_plot
from heapd_test import ROOT, WAIT, Client, Daemon, command, eventually

HEAPCTL = os.environ.get("HEAPCTL_BIN") or str(ROOT / "build/client/heapctl")
CLEAN = "churn,cycle-churn,session-expiry,listener-churn,cache-with-eviction,big-graph-drop,fragmentation"
LEAKS = ("slow-leak", "session-leak", "listener-leak", "cache-without-eviction")
BESIDE = "churn"                # what goes on while something leaks
SAMPLES = 900
TRIES = 3                       # of a phase that cannot tell, each twice as long as the last ...
AGAIN_S_MAX = 600               # ... but no longer than this
CLIENTS = 64                    # answers wait for the disk: many at once share its syncs
LOAD_GRACE_S = 120              # that a load may take longer than it was told to


def clamp(x, low, high):
    return max(low, min(x, high))


def plan(total_s):
    """Names, scenarios, what leaks, and how many seconds: most of the time is the clean mix's."""
    leak_s, after_s = clamp(0.055 * total_s, 12, 300), clamp(0.08 * total_s, 10, 300)
    clean_s = max(20, total_s - len(LEAKS) * leak_s - after_s)
    leaks = [(name, f"{BESIDE},{name}", name, leak_s) for name in LEAKS]
    return [("clean", CLEAN, None, clean_s), *leaks, ("after", CLEAN, None, after_s)]


class Watcher(threading.Thread):
    """Samples and recounts, on a connection of its own, till it is told to stop. It outlives whatever goes wrong."""

    def __init__(self, soak, every_s, recount_s):
        super().__init__(daemon=True)
        self.soak, self.every_s, self.recount_s = soak, every_s, recount_s
        self.stopping, self.client, self.missed = threading.Event(), None, 0

    def run(self):
        next_recount = time.monotonic() + self.recount_s
        while not self.stopping.is_set():
            self.attempt(self.sample)
            if time.monotonic() >= next_recount:
                self.attempt(self.recount)
                next_recount = time.monotonic() + self.recount_s
            self.stopping.wait(self.every_s)
        self.attempt(self.sample)               # now all have gone
        self.attempt(self.recount)

    def attempt(self, action):
        try:
            self.client = self.client or Client(self.soak.daemon)
            action()
        except (OSError, ValueError, KeyError, IndexError, AttributeError, AssertionError) as e:   # a daemon that is gone, half an answer
            self.missed += 1
            self.client = None
            self.soak.note(f"not sampled: {e!r}" if self.missed < 5 else None)

    def ask(self, method, path):
        said = self.client.request(method, path)
        assert said.status == 200, said
        return said.json

    def sample(self):
        heap, pid = self.ask("GET", "/v1/heap"), self.soak.daemon.process.pid
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        kib = lambda name: int(status[name].split()[0]) * 1024
        stat = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
        self.soak.sampled({
            "t_s": self.soak.now(), "rss": kib("VmRSS"), "anon": kib("RssAnon"), "threads": int(status["Threads"]), "fds": len(os.listdir(f"/proc/{pid}/fd")),
            "cpu_s": (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"), "live": heap["bytes"]["live"], "committed": heap["bytes"]["committed"],
            "accounted": heap["bytes"]["accounted"], "rest": heap["bytes"]["rest"], "objects": heap["objects"], "sessions": heap["sessions"],
            "doomed": heap["doomed"], "disk": sum(f.stat().st_size for f in self.soak.data.iterdir()), "load1": os.getloadavg()[0]})

    def recount(self):
        began, objects = time.monotonic(), self.ask("GET", "/v1/heap")["objects"]
        said = self.ask("POST", "/v1/heap/validate")
        self.soak.said["validated"].append({"t_s": self.soak.now(), "objects": objects, "took_s": round(time.monotonic() - began, 3), "broken": said["broken"]})


class Soak:
    def __init__(self, args):
        self.args, self.out, self.child, self.stopped = args, args.out, None, False
        self.out.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="heapd-soak-"))
        self.data = self.folder / "data"
        self.began = time.monotonic()
        self.said = {"heapd_soak": 1, "minutes": args.minutes, "rate": args.rate, "seed": args.seed, "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                     "cores": os.cpu_count(), "planned": [name for name, *_ in plan(args.minutes * 60)], "phases": [], "samples": [], "validated": [], "suspects": None, "left": None, "exit": None, "check": None,
                     "checked": "", "error": None, "notes": [], "claims": []}
        self.samples_file = open(self.out / "samples.ndjson", "w")
        self.daemon = Daemon("--data", str(self.data))

    # -- what is written down

    def now(self):
        return round(time.monotonic() - self.began, 2)

    def note(self, text):
        if text:
            self.said["notes"].append(f"{self.now()} s: {text}")
            print(f"soak: {text}", file=sys.stderr, flush=True)

    def sampled(self, row):
        self.said["samples"].append(row)
        self.samples_file.write(json.dumps(row) + "\n")
        self.samples_file.flush()

    def save(self):
        """What there is by now; whole, or as it was."""
        part = self.out / "soak.json.part"
        part.write_text(json.dumps(self.said))
        part.rename(self.out / "soak.json")

    # -- phases

    def load(self, name, scenarios, seconds, seed):
        """One `heapctl load`: its document, {} if there is none."""
        path = self.out / f"{name}.json"
        words = [HEAPCTL, "load", scenarios, "--rate", self.args.rate, "--duration", round(seconds), "--clients", CLIENTS, "--seed", seed, "--json", "--report", self.out / f"{name}.html"]
        with open(path, "wb") as out, open(self.out / f"{name}.err", "wb") as err:
            self.child = subprocess.Popen([*map(str, words)], stdout=out, stderr=err, env={**os.environ, "HEAPD_URL": f"http://{self.daemon.host}:{self.daemon.port}"})
            try:
                status = self.child.wait(seconds + LOAD_GRACE_S)
            except subprocess.TimeoutExpired:
                self.note(f"{name}: the load did not end")
                self.child.kill()
                status = self.child.wait(WAIT)
        if status != 0:
            self.note(f"{name}: heapctl load ended with {status}: {(self.out / f'{name}.err').read_text()[-500:]}")
        try:
            return json.loads(path.read_text())
        except ValueError:
            return {}

    def phase(self, name, scenarios, leak, seconds):
        first_s = self.now()
        for tries in range(1, TRIES + 1):
            self.note(f"{name}: {scenarios}, {seconds:.0f} s")
            from_s = self.now()
            doc = self.load(name, scenarios, seconds, self.args.seed + tries)
            verdict = doc.get("verdict", {})
            said = {"name": name, "scenarios": scenarios, "leak": leak, "first_s": first_s, "from_s": from_s, "to_s": self.now(), "tries": tries, "verdict": verdict, "ops": doc.get("ops", {}),
                    "floor": doc.get("floor", {}), "latency_us": {k: v for k, v in doc.get("latency_us", {}).items() if k != "histogram"}}
            if verdict.get("leak") is not None or self.stopped or not doc:
                break
            self.note(f"{name}: {verdict.get('sentence', 'no verdict')}")
            seconds = min(2 * seconds, AGAIN_S_MAX)
        self.said["phases"].append(said)
        self.note(f"{name}: {verdict.get('sentence', 'no verdict')}")
        if name == "clean":
            self.said["suspects"] = [item["sentence"] for item in Client(self.daemon).get("/v1/heap/suspects").json["items"]]
        self.save()

    def rest(self):
        """All loads have ended, and with them their sessions; what is left when the leases are over and the collector has been?"""
        client = Client(self.daemon)

        def left():
            client.post("/v1/gc/collect")
            heap = client.get("/v1/heap").json
            self.said["left"] = {k: heap[k] for k in ("objects", "sessions", "roots", "doomed")}
            return heap["objects"] == 0 and heap["sessions"] == soak_judge.DEFAULT_SESSION

        eventually(left, WAIT, 0.5)
        client.post("/v1/heap/purge")

    # -- from beginning to end

    def live(self):
        Client(self.daemon).patch("/v1/config", {"events_kept_max": 1000})
        total_s = self.args.minutes * 60
        watcher = Watcher(self, clamp(total_s / SAMPLES, 0.25, 10), clamp(total_s / 30, 5, 180))
        watcher.start()
        try:
            for name, scenarios, leak, seconds in plan(total_s):
                if self.stopped or self.daemon.process.poll() is not None:
                    break
                self.phase(name, scenarios, leak, seconds)
            if self.daemon.process.poll() is None:
                self.rest()
        finally:
            watcher.stopping.set()
            watcher.join(WAIT)

    def end(self):
        """SIGTERM, and then its store is looked through."""
        try:
            self.daemon.terminate()
            self.said["exit"] = self.daemon.finish()
            said = subprocess.run([*command(), "--check", str(self.data)], capture_output=True, text=True, timeout=10 * WAIT)
            self.said["check"], self.said["checked"] = said.returncode, (said.stdout + said.stderr).replace(str(self.data), "DIR").strip()[-500:]
        except (AssertionError, OSError, subprocess.SubprocessError) as e:
            self.note(f"the end: {e!r}")

    def run(self):
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, self.stop)
        try:
            self.live()
            if self.stopped:
                self.said["error"] = "it was stopped early"
            elif self.daemon.process.poll() is not None:
                self.said["error"] = f"heapd is gone, with status {self.daemon.process.poll()}"
        except Exception as e:                  # whatever it was: what there is by now is judged, and written
            self.said["error"] = repr(e)
        finally:
            self.end()
            self.samples_file.close()
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.tell()

    def stop(self, *_):
        self.stopped = True
        if self.child and self.child.poll() is None:
            self.child.terminate()              # it tells what there is

    def tell(self):
        claims = soak_judge.judge(self.said)
        self.said["claims"] = [c._asdict() for c in claims]
        self.save()
        for path in [self.out / "soak.svg", *([self.args.plot] if self.args.plot else [])]:
            path.write_text(soak_plot.draw(self.said))
        for c in claims:
            print(f"{'holds ' if c.holds else 'FAILS '} {c.name}: {c.says}")
        print(f"soak: {sum(c.holds for c in claims)} of {len(claims)} claims hold; see {self.out}/soak.json, soak.svg and the pages beside them")
        return 0 if all(c.holds for c in claims) else 1


def main():
    p = argparse.ArgumentParser(prog="tests/soak", description=__doc__.strip().splitlines()[0])
    p.add_argument("--minutes", type=float, default=60)
    p.add_argument("--out", type=Path, default=ROOT / "build-soak/result", help="where the result is written")
    p.add_argument("--rate", type=float, default=500, help="requests a second")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--plot", type=Path, help="draw it here too (the README shows tests/e2e/soak.svg)")
    return Soak(p.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())

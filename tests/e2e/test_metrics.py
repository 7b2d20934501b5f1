"""test_metrics.py - /metrics: what is in it, in both dialects, judged by the programs that read such pages.

promtool, prometheus and Debian's python3-prometheus-client come with deploy/packages test.
"""
import json
import re
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from heapd_test import WAIT, HeapdTest, eventually
from prometheus_test import PrometheusTest, samples
from store_test import StoreTest
from test_events import Listener

OPEN_METRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
# The strict parser, in the interpreter that Debian installs it for.
STRICT = """
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for f in text_string_to_metric_families(sys.stdin.read()):
    print(f.type, f.name)
"""
PYTHON_NAMES = {"python_gc_objects_collected", "python_gc_objects_uncollectable", "python_gc_collections"}
FAMILIES = PYTHON_NAMES | {f"heapd_{name}" for name in """
    gc_objects_collected gc_objects_uncollectable gc_collections gc_slices gc_pause_seconds gc_collection_seconds gc_threshold
    gc_progress gc_enabled objects objects_created objects_freed links weak_links roots weak_names sessions sessions_opened
    leases_expired sites heap_bytes pool_bytes ready takes_changes problems
    connections_cut memory_counted_bytes memory_limit_bytes gc_pause_budget_seconds allocations log_appended_bytes log_frames
    log_fsync_seconds http_requests http_request_duration_seconds build_info connections suspects suspects_raised events
    events_lost events_kept events_kept_bytes events_sent event_gaps event_listeners""".split()} | {f"process_{name}" for name in """
    cpu_seconds resident_memory_bytes virtual_memory_bytes open_fds max_fds start_time_seconds""".split()}


class Metrics(HeapdTest):
    fresh = True

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "data").mkdir()
        self.options = ("--data", str(self.folder / "data"))
        super().setUp()
        self.assertTrue(eventually(lambda: self.c.get("/readyz").status == 200))
        self.live_a_little()

    def live_a_little(self):
        """Something of everything, with labels that a page could trip over."""
        self.ok(self.c.patch("/v1/config", {"metrics_python_names": True}))
        i = self.new({"a": 1}, kind='odd "class" \\ \n')
        self.root('root "x" \n', i)
        self.ok(self.c.put("/v1/weak/w", {"$ref": i}))
        self.c.post("/v1/objects", {"class": "A"}, {"Heapd-Site": 'site "\\'})
        a = self.new({})
        self.ok(self.c.patch(f"/v1/objects/{a}", {"me": {"$ref": a}}))
        self.drop(a)
        self.ok(self.c.post("/v1/gc/collect"))
        self.c.get("/nonsense")
        self.c.get(f"/v1/objects/{i}?depth=x")
        self.ok(self.c.get(f"/v1/objects/{i}"))

    def page(self, headers=None):
        said = self.c.get("/metrics", headers)
        self.assertEqual(said.status, 200)
        return said.raw.decode()

    def test_promtool_has_nothing_to_say(self):
        ran = subprocess.run(["promtool", "check", "metrics"], input=self.page(), capture_output=True, text=True, timeout=WAIT)
        self.assertEqual((ran.returncode, ran.stdout + ran.stderr), (0, ""))

    def test_a_strict_parser_reads_openmetrics(self):
        ran = subprocess.run(["/usr/bin/python3", "-c", STRICT], input=self.page(OPEN_METRICS), capture_output=True, text=True,
                             timeout=WAIT)
        self.assertEqual(ran.returncode, 0, ran.stderr[-800:])
        kinds = dict(reversed(line.split()) for line in ran.stdout.splitlines())
        self.assertEqual(FAMILIES - set(kinds), set())
        self.assertEqual({kinds[n] for n in PYTHON_NAMES | {"heapd_http_requests"}}, {"counter"})
        self.assertEqual({n for n, kind in kinds.items() if kind == "histogram"},
                         {"heapd_gc_pause_seconds", "heapd_gc_pause_cpu_seconds", "heapd_gc_collection_seconds",
                          "heapd_http_request_duration_seconds", "heapd_log_fsync_seconds"})

    def test_the_names_of_python_are_there_if_asked_for(self):
        self.assertEqual(samples(self.page())["python_gc_objects_collected_total", '{generation="2"}'], 1)
        self.ok(self.c.patch("/v1/config", {"metrics_python_names": False}))
        self.assertNotIn("python_gc", self.page())
        for wrong in (1, "true", []):
            self.problem(self.c.patch("/v1/config", {"metrics_python_names": wrong}), 422, "bad-value")

    def test_what_clients_name_is_no_label(self):
        """Neither ids nor names: a time series each would bury whoever keeps them."""
        for i in range(20):
            self.root(f"name-{i}", self.new({}, kind=f"Kind{i}"))
            self.ok(self.c.get(f"/v1/roots/name-{i}"))
        page = self.page()
        self.assertNotRegex(page, r"name-\d|Kind\d|odd|site \\|/objects/\d|nonsense")
        labels = {m for line in page.splitlines() if line[:1] != "#" for m in re.findall(r'[{,](\w+)="', line)}
        self.assertEqual(labels, {"generation", "phase", "le", "by", "kind", "cell_bytes", "state", "method", "route", "code",
                                  "version", "problem", "type"})

    def test_requests_are_timed_by_route(self):
        before, body = samples(self.page()), json.dumps({"generation": 2})
        for _ in range(50):
            self.ok(self.c.post("/v1/gc/collect", body))
        self.c.post("/v1/gc/collect", "{")
        after = samples(self.page())

        def grown(name, more=""):
            key = (name, '{method="POST",route="/v1/gc/collect"' + more + "}")
            return after[key] - before.get(key, 0)
        took = "heapd_http_request_duration_seconds_"
        self.assertEqual((grown(took + "count"), grown(took + "bucket", ',le="+Inf"')), (51, 51))
        self.assertEqual(grown("heapd_http_requests_total", ',code="2xx"'), 50)
        self.assertGreater(grown(took + "sum"), 0)
        buckets = [v for (name, labels), v in after.items() if name == took + "bucket" and "/v1/gc/collect" in labels]
        self.assertEqual(buckets, sorted(buckets))

    def test_refusals_are_counted_by_problem(self):
        def counts():
            return {labels: v for (name, labels), v in samples(self.page()).items() if name == "heapd_problems_total"}
        before = counts()
        self.problem(self.c.get("/v1/objects/1"), 404, "no-such-object")
        self.problem(self.c.post("/v1/objects", "{"), 400, "bad-json")
        self.batch(["drop", 1])
        self.batch(["drop", 1], query="?reply=summary")
        self.problem(self.c.post("/v1/batch?atomic=true", '["drop",1]\n'), 404, "no-such-object")
        after = counts()
        self.assertEqual({k: after[k] - v for k, v in before.items() if after[k] != v},
                         {'{problem="no-such-object"}': 4, '{problem="bad-json"}': 1})

    def test_what_an_alert_compares_is_told(self):
        self.ok(self.c.patch("/v1/config", {"memory_bytes_max": 1 << 30}))
        self.gc(pause_budget_us=300)
        self.assertAlmostEqual(self.metric("heapd_memory_counted_bytes"), self.heap()["bytes"]["counted"], delta=1 << 16)
        self.assertEqual(self.metric("heapd_memory_limit_bytes"), 1 << 30)
        self.assertEqual(self.metric("heapd_gc_pause_budget_seconds"), 300e-6)
        self.assertEqual((self.metric("heapd_ready"), self.metric("heapd_takes_changes")), (1, 1))
        self.assertEqual(self.metric("heapd_event_listeners"), 0)
        w = self.wire().ask("GET", "/v1/events", b"", "Accept: application/x-ndjson")
        self.assertTrue(w.response().readline())
        self.assertEqual(self.metric("heapd_event_listeners"), 1)
        w.close()
        self.assertTrue(eventually(lambda: self.metric("heapd_event_listeners") == 0))

    def test_a_request_that_waits_is_told_to_have_waited(self):
        s = self.stream()
        s.op("new", "Node", {})
        time.sleep(0.3)
        s.end()
        self.assertTrue(eventually(lambda: samples(self.page()).get(
            ("heapd_http_request_duration_seconds_sum", '{method="POST",route="/v1/batch"}'), 0) >= 0.3))

    def test_commits_are_timed(self):
        before = samples(self.page())
        for i in range(10):
            self.new({"i": i})
        after = samples(self.page())
        for name in ("heapd_log_fsync_seconds_count", "heapd_log_frames_total"):
            self.assertGreaterEqual(after[name, ""] - before[name, ""], 9, name)
        self.assertGreater(after["heapd_log_appended_bytes_total", ""], before["heapd_log_appended_bytes_total", ""])
        self.assertGreater(after["heapd_log_fsync_seconds_sum", ""], 0)

    def test_events_and_those_who_listen_are_counted(self):
        def now(name, labels=""):
            return samples(self.page())[f"heapd_{name}", labels]
        self.ok(self.c.patch("/v1/config", {"events_kept_max": 5}))
        config, cut = now("events_total", '{type="config"}'), now("connections_cut_total", '{by="events"}')
        listeners = [Listener(self.daemon, "?types=config") for _ in range(3)]
        for n in range(1, 11):
            self.ok(self.c.patch("/v1/config", {"pipeline_max": n}))
        for listener in listeners:
            listener.until(lambda e: e["changed"]["pipeline_max"]["to"] == 10)
        self.assertEqual(now("event_listeners"), 3)
        self.assertEqual((now("events_total", '{type="config"}') - config, now("events_sent_total")), (10, 30))
        self.assertEqual((now("events_kept"), now("event_gaps_total"), now("events_lost_total")), (5, 0, 0))
        kept = self.kept_events()
        self.assertEqual(now("events_kept_bytes"), sum(len(f) for f in kept))
        self.assertEqual(now("event_gaps_total"), 0)            # it asked for whatever there is, not for what has gone
        oldest = int(re.match(r"id: (\d+)", kept[0])[1])
        for since, gaps in ((oldest - 1, 0), (oldest - 2, 1)):
            listener = Listener(self.daemon, f"?types=config&since={since}")
            listeners.append(listener)
            listener.until(lambda e: e["type"] == "config" and e["changed"]["pipeline_max"]["to"] == 10)
            self.assertEqual(now("event_gaps_total"), gaps)
        for listener in listeners:
            listener.close()
        self.assertTrue(eventually(lambda: now("event_listeners") == 0))
        self.assertEqual(now("connections_cut_total", '{by="events"}'), cut)  # they went by themselves

    def kept_events(self):
        """As server-sent events, each with its two line feeds."""
        w = self.wire()
        w.ask("GET", "/v1/events?since=0", b"", "Accept: text/event-stream")
        reply, text = w.response(), ""
        while text.count("\n\n") < 7:                          # a gap, a greeting, and five
            text += reply.readline().decode()
        w.close()
        return [frame + "\n\n" for frame in text.split("\n\n")[2:7]]

    def test_leases_that_are_over_are_counted(self):
        self.session(ttl=1)
        self.assertTrue(eventually(lambda: samples(self.page())["heapd_leases_expired_total", ""] == 1))
        self.assertEqual(samples(self.page())["heapd_sessions_opened_total", ""], 1)


class Recovery(StoreTest):
    """While what was kept is put back, who asks how it is gets an answer."""
    LEAVES = 200_000

    def wait_ready(self):
        """It stands still until a request is there, which so comes before the end."""
        self.daemon.process.send_signal(signal.SIGSTOP)
        early = self.wire().ask("GET", "/metrics")
        self.daemon.process.send_signal(signal.SIGCONT)
        self.early = early.answer()
        super().wait_ready()

    def test_it_says_that_it_is_not_ready(self):
        self.done(["list", []], ["root", "all", "@0"], *(["push", "@0", {}] for _ in range(self.LEAVES)), query="?reply=summary")
        for _ in range(5):
            self.again(well=True)
            self.assertEqual(self.early.status, 200)
            found = samples(self.early.raw.decode())
            if found["heapd_ready", ""] == 0:
                break
        self.assertEqual((found["heapd_ready", ""], found["heapd_takes_changes", ""]), (0, 0))
        self.assertEqual((self.metric("heapd_ready"), self.metric("heapd_takes_changes")), (1, 1))


class Prometheus(PrometheusTest):
    def test_a_real_one_scrapes_heapd(self):
        for _ in range(3):
            self.new({}, kind="Watched")
        self.ok(self.c.post("/v1/gc/collect"))
        self.start()
        self.assertTrue(eventually(lambda: [v for _, v in self.ask("heapd_objects_created_total")] == [3.0]))
        self.assertTrue(eventually(lambda: [v >= 1 for _, v in self.ask('heapd_gc_collections_total{generation="2"}')] == [True]))
        asked = eventually(lambda: self.ask(
            'histogram_quantile(0.99, heapd_http_request_duration_seconds_bucket{route="/v1/gc/collect"})'))
        self.assertEqual([m["route"] for m, _ in asked], ["/v1/gc/collect"])
        self.assertTrue(0 < asked[0][1] < WAIT)
        self.assertTrue(eventually(lambda: [v >= 2 for _, v in self.ask('heapd_events_total{type="gc"}')] == [True]))
        self.assertEqual([v for _, v in self.ask("heapd_event_listeners")], [0.0])


if __name__ == "__main__":
    unittest.main()

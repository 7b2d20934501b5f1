"""test_alerts.py - what deploy/ has for Prometheus and Grafana: it is well-formed, and asks for what heapd really serves.

Each alert is tried on series made up for it, by promtool: it fires, says what to do, and is silent where all is well. Then on
a real heapd, read by a real Prometheus. Every expression, of the rules and of the dashboard, is parsed by promtool, and every
family, label and value of a label in it has to be on the page of a heapd that has done something of everything.
"""
import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from heapd_test import ROOT, WAIT, HeapdTest, eventually
from prometheus_test import PrometheusTest, samples
from store_test import StoreTest

RULES = ROOT / "deploy/prometheus/heapd.rules.yml"
SAMPLE = ROOT / "deploy/prometheus/prometheus.yml"
DASHBOARD = ROOT / "deploy/grafana/heapd.json"
STEP_S = 15

AT = 'job="heapd",instance="h:1"'
BUDGET = f"heapd_gc_pause_budget_seconds{{{AT}}}"


def flat(value, minutes=60):
    return f"{value}x{minutes * 60 // STEP_S}"


def slope(first, each, minutes=60):
    return f"{first}{each:+}x{minutes * 60 // STEP_S}"


def buckets(name, *per_step):
    """A histogram that gets so many in each bucket a step: {series: values}."""
    return {f'{name}_bucket{{{AT},le="{le}"}}': slope(0, n) for le, n in per_step}


def family(name, values, more=""):
    return {f"{name}{{{AT}{more}}}": values}


def memory(counted, limit):
    return {**family("heapd_memory_counted_bytes", counted), **family("heapd_memory_limit_bytes", limit)}


def problems(name, values):
    return family("heapd_problems_total", values, f',problem="{name}"')


def cuts(by, values):
    return family("heapd_connections_cut_total", values, f',by="{by}"')


# alert: when it is looked at, and series on which it fires, and others on which it does not
CASES = {
    "HeapdDown": ("5m", [family("up", flat(0))], [family("up", flat(1)), {'up{job="other",instance="h:1"}': flat(0)}]),
    "HeapdRestarts": ("30m", [family("process_start_time_seconds", slope(1000, 1))],
                      [family("process_start_time_seconds", flat(1000)), family("process_start_time_seconds", flat(1, 20) + " " + flat(2, 20))]),
    "HeapdNotReady": ("6m", [family("heapd_ready", flat(0))], [family("heapd_ready", flat(0, 3) + " " + flat(1)), family("heapd_ready", flat(1))]),
    "HeapdTakesNoChanges": ("5m", [{**family("heapd_takes_changes", flat(0)), **family("heapd_ready", flat(1))}],
                            [{**family("heapd_takes_changes", flat(0)), **family("heapd_ready", flat(0))},
                             {**family("heapd_takes_changes", flat(1)), **family("heapd_ready", flat(1))}]),
    "HeapdHeapFull": ("10m", [problems("heap-full", slope(0, 1))], [problems("heap-full", flat(100)), problems("bad-json", slope(0, 9))]),
    "HeapdMemoryHigh": ("20m", [memory(flat(96), flat(100))], [memory(flat(90), flat(100)), memory(flat(96), flat(0))]),
    "HeapdLimitReached": ("20m", [problems("limit-reached", slope(0, 1)), problems("too-many", slope(0, 1))],
                          [problems("too-many", flat(50)), problems("no-such-object", slope(0, 9))]),
    "HeapdTokensRefused": ("20m", [problems("unauthorized", slope(0, 30)), problems("forbidden", slope(0, 30))],
                           [problems("unauthorized", slope(0, 3)), problems("no-such-name", slope(0, 90))]),
    "HeapdPausesLong": ("40m", [{**buckets("heapd_gc_pause_seconds", ("0.000512", 90), ("0.004096", 100), ("+Inf", 100)),
                                 **family("heapd_gc_pause_budget_seconds", flat(0.0005))}],
                        [{**buckets("heapd_gc_pause_seconds", ("0.000512", 100), ("0.004096", 100), ("+Inf", 100)),
                          **family("heapd_gc_pause_budget_seconds", flat(0.0005))},
                         {**buckets("heapd_gc_pause_seconds", ("0.000512", 90), ("0.004096", 100), ("+Inf", 100)),
                          **family("heapd_gc_pause_budget_seconds", flat(0.005))}]),
    "HeapdCommitsSlow": ("20m", [buckets("heapd_log_fsync_seconds", ("0.065536", 90), ("1.048576", 100), ("+Inf", 100))],
                         [buckets("heapd_log_fsync_seconds", ("0.065536", 100), ("1.048576", 100), ("+Inf", 100))]),
    "HeapdDoomedNotFalling": ("40m", [family("heapd_doomed_objects", flat(200_000)), family("heapd_doomed_objects", slope(200_000, 500))],
                              [family("heapd_doomed_objects", slope(2_000_000, -5000)), family("heapd_doomed_objects", flat(2000))]),
    "HeapdSuspects": ("20m", [family("heapd_suspects", flat(1), ',by="site"')], [family("heapd_suspects", flat(0), ',by="site"')]),
    "HeapdSessionsGrow": ("8h", [family("heapd_sessions", slope(100, 1, 600))],
                          [family("heapd_sessions", flat(1000, 600)), family("heapd_sessions", "1 " + slope(1, 0, 360) + " " + flat(90, 200))]),
    "HeapdFilesNearLimit": ("20m", [{**family("process_open_fds", flat(95)), **family("process_max_fds", flat(100))}],
                            [{**family("process_open_fds", flat(80)), **family("process_max_fds", flat(100))}]),
    "HeapdListenersCut": ("20m", [cuts("events", slope(0, 1))], [cuts("events", flat(7)), cuts("room", slope(0, 1))]),
    "HeapdEventsLost": ("20m", [family("heapd_events_lost_total", slope(0, 1))], [family("heapd_events_lost_total", flat(7))]),
    "HeapdReadersCut": ("30m", [cuts("answers", slope(0, 1)), cuts("room", slope(0, 1))], [cuts("room", flat(7)), cuts("events", slope(0, 1))]),
    "HeapdGcDisabled": ("90m", [family("heapd_gc_enabled", flat(0, 100))], [family("heapd_gc_enabled", flat(1, 100)),
                                                                            family("heapd_gc_enabled", flat(0, 50) + " " + flat(1, 50))]),
    "HeapdGarbageKept": ("90m", [family("heapd_gc_garbage", flat(3, 100))], [family("heapd_gc_garbage", flat(0, 100))]),
}
OF_THE_MACHINE = {"HeapdPausesLong", "HeapdCommitsSlow"}
SCRAPED = {"up", "ALERTS"}                      # of Prometheus itself
SCRAPED_LABELS = {"job", "instance", "alertname", "alertstate"}
WORDS = """and or unless on ignoring group_left group_right by without bool offset""".split()
FUNCTIONS = """sum min max avg count topk rate increase changes deriv histogram_quantile min_over_time max_over_time""".split()


def promtool(*words):
    ran = subprocess.run(["promtool", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=8 * WAIT)
    return ran.returncode, ran.stdout


def expressions_of_rules():
    """(name, expression), read by eye: deploy/ is YAML, and Python has none."""
    text = RULES.read_text()
    found = re.findall(r"- alert: (\w+)\n +expr: (?:>-\n((?: {6}.*\n)+)|(.*)\n)", text)
    return [(name, " ".join((block or line).split())) for name, block, line in found]


def dashboard_items():
    """(title, expression, legend) of every panel, every annotation and the variable."""
    d = json.loads(DASHBOARD.read_text())
    for panel in d["panels"]:
        for t in panel.get("targets", ()):
            yield panel["title"], t["expr"], t["legendFormat"]
    for a in d["annotations"]["list"]:
        yield a["name"], a["expr"], a["titleFormat"] + a["textFormat"]
    for v in d["templating"]["list"]:
        if m := re.fullmatch(r"label_values\((.*), (\w+)\)", v["query"]["query"] if isinstance(v["query"], dict) else ""):
            yield v["name"], m[1], "{{" + m[2] + "}}"


def plain(expression):
    """As Grafana sends it."""
    return expression.replace("$__rate_interval", "1m").replace("$instance", "h:1|.*")


def complaints(expression, served):
    """What of it is not in `served`, {name of a series: [labels]}: names, labels, values that labels are compared with."""
    text = re.sub(r"\[\w+\]|\boffset \w+", "", expression)
    selectors = re.findall(r"(?<![\w.])([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?", text)
    labels, grouped = {"le"}, set()
    for clause in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expression):
        grouped |= {label.strip() for label in clause.split(",")}
    for name, matchers in selectors:
        if name in WORDS or name in FUNCTIONS or name in SCRAPED or name in grouped:
            continue
        if name not in served:
            yield f"there is no {name}"
            continue
        labels |= {label for sample in served[name] for label in sample}
        for label, how, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:\\.|[^"])*)"', matchers):
            if label in SCRAPED_LABELS:
                continue
            for one in value.split("|") if "~" in how else [value]:
                if not any(label in sample and re.fullmatch(one, sample[label]) for sample in served[name]):
                    yield f'no {name} has {label}="{one}"'
    for label in grouped - labels - SCRAPED_LABELS:
        yield f"nothing in it has a label {label}"


def page_of(text):
    served = {}
    for name, labels in samples(text):
        served.setdefault(name, []).append(dict(re.findall(r'(\w+)="((?:\\.|[^"])*)"', labels)))
    return served


class Rules(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_promtool_takes_the_rules_and_the_sample(self):
        for words in (("rules", RULES), ("config", SAMPLE)):
            code, said = promtool("check", *words)
            self.assertEqual(code, 0, said)
            self.assertIn(f"{len(CASES)} rules found", said)

    def test_there_is_a_case_for_each_alert(self):
        self.assertEqual([name for name, _ in expressions_of_rules()], list(CASES))

    def look(self, which):
        """What promtool says where no alert should fire: exit code, and what fires."""
        cases = [(alert, at, series) for alert, (at, *both) in CASES.items() for series in both[which]]
        test = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [{
            "interval": f"{STEP_S}s",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": []}]} for alert, at, series in cases]}
        path = self.folder / "cases.json"
        path.write_text(json.dumps(test))
        return *promtool("test", "rules", path), [alert for alert, _, _ in cases]

    def test_each_is_silent_where_all_is_well(self):
        code, said, cases = self.look(1)
        self.assertEqual((code, set(cases)), (0, set(CASES)), said)

    def test_each_fires_and_says_what_to_do(self):
        code, said, cases = self.look(0)
        fired = re.findall(r"alertname: (\w+), time: \w+,.*?got:(.*?)(?=alertname: |\Z)", said, re.S)
        self.assertEqual((code, [alert for alert, _ in fired]), (1, cases), said)
        for alert, text in fired:
            with self.subTest(alert):
                self.assertRegex(text, r'severity="(critical|warning)"')
                self.assertIn('instance="h:1"', text)
                self.assertRegex(text, r'summary="(?:\\.|[^"])*h:1')
                self.assertRegex(text, r'description="(?:\\.|[^"\\]){80,}')
                self.assertRegex(text, r"curl -s\S* .*http://h:1/|journalctl -u heapd")
                self.assertNotRegex(text, r"error expanding|no value|%!|\{\{")


class Served(StoreTest):
    """A heapd with --data and a limit, which has done something of everything, and what it tells of it."""
    options = ("--max-memory", "200M")

    def page(self):
        said = self.c.get("/metrics")
        self.assertEqual(said.status, 200)
        return page_of(said.raw.decode())

    def live(self):
        for _ in range(5):
            self.done(*(["new", "Node", {"n": n}] for n in range(500)))
        self.problem(self.c.get("/v1/objects/1"), 404)
        self.collect()
        self.ok(self.c.get("/livez"))
        return self.page()

    def test_what_rules_and_dashboard_ask_for_is_there(self):
        served = self.live()
        items = [(name, expr, "") for name, expr in expressions_of_rules()] + list(dashboard_items())
        self.assertGreater(len(items), 70)
        for name, expr, _ in items:
            with self.subTest(name, expr=expr):
                self.assertEqual(list(complaints(plain(expr), served)), [])
        self.assertEqual([n for n in served if n.startswith("heapd_") and not any(
            re.search(rf"\b{re.sub('_(sum|count|bucket)$', '', n)}", expr) for _, expr, _ in items)], [], "nobody looks at these")

    def test_asking_why_there_are_no_changes_makes_none(self):
        line, = re.findall(r"curl -s -X POST http://{{ .labels.instance }}.*", RULES.read_text())
        before = self.ok(self.c.get("/v1/heap"))["objects"]
        for _ in range(3):
            ran = subprocess.run(["sh", "-c", line.replace("{{ $labels.instance }}", f"{self.daemon.host}:{self.daemon.port}")],
                                 capture_output=True, text=True, timeout=WAIT, check=True)
            self.assertEqual(json.loads(ran.stdout), {"done": 0, "failed": 0})
        self.assertEqual(self.ok(self.c.get("/v1/heap"))["objects"], before)

    def test_what_is_not_there_is_noticed(self):
        served = self.live()
        for expr, says in (("heapd_objekts > 0", "there is no heapd_objekts"),
                           ("rate(heapd_http_requests[5m])", "there is no heapd_http_requests"),
                           ('heapd_objects{age="1"}', 'no heapd_objects has age="1"'),
                           ('heapd_suspects{by="sight"}', 'no heapd_suspects has by="sight"'),
                           ('heapd_problems_total{problem=~"heap-full|full-heap"}', 'no heapd_problems_total has problem="full-heap"'),
                           ("sum by (phase) (heapd_objects)", "nothing in it has a label phase"),
                           ('sum by (instance) (rate(heapd_log_fsync_bucket[5m])) > 1', "there is no heapd_log_fsync_bucket")):
            self.assertEqual(list(complaints(expr, served)), [says])


class Dashboard(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def check(self, expressions):
        rules = [{"record": f"heapd:panel_{i}", "expr": plain(expr)} for i, expr in enumerate(expressions)]
        path = self.folder / "panels.json"
        path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
        return promtool("check", "rules", path)

    def test_each_expression_is_promql(self):
        expressions = [expr for _, expr, _ in dashboard_items()]
        code, said = self.check(expressions)
        self.assertEqual(code, 0, said)
        self.assertIn(f"{len(expressions)} rules found", said)
        self.assertEqual(self.check(["sum by (kind) heapd_heap_bytes)"])[0], 1)

    def test_legends_name_labels_that_are_left(self):
        for title, expr, legend in dashboard_items():
            wanted, kept = set(re.findall(r"\{\{(\w+)\}\}", legend)), re.findall(r"\bby \(([^)]*)\)", expr)
            with self.subTest(title, legend=legend):
                if kept:
                    self.assertLessEqual(wanted, {label.strip() for label in kept[0].split(",")})
                elif re.search(r"^(sum|max|histogram_quantile)\(", expr):
                    self.assertEqual(wanted, set())

    def test_it_is_as_grafana_wants_it(self):
        d = json.loads(DASHBOARD.read_text())
        ids = [p["id"] for p in d["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual((d["uid"], d["title"]), ("heapd", "heapd"))
        taken = set()
        for p in d["panels"]:
            at = p["gridPos"]
            with self.subTest(p["title"]):
                self.assertLessEqual(at["x"] + at["w"], 24)
                cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
                self.assertFalse(cells & taken, "it lies on another")
                taken |= cells
                if p["type"] == "row":
                    continue
                for place in (p, *p["targets"]):
                    self.assertEqual(place["datasource"], {"type": "prometheus", "uid": "${datasource}"})
                refs = [t["refId"] for t in p["targets"]]
                self.assertEqual(len(refs), len(set(refs)))


class Lives(PrometheusTest):
    """The rules in a real Prometheus that reads a real heapd."""

    def states(self):
        """{alert: its state}, once all have been evaluated and are well."""
        groups = (self.api("rules") or {"groups": []})["groups"]
        rules = [r for g in groups for r in g["rules"]]
        return {r["name"]: r["state"] for r in rules} if rules and all(r["health"] == "ok" for r in rules) else {}

    def others(self):
        """What is not inactive, but for what depends on how busy this machine is."""
        return {name: state for name, state in self.states().items() if state != "inactive" and name not in OF_THE_MACHINE}

    def test_nothing_is_wrong_with_a_healthy_one_and_what_is_forgotten_is_noticed(self):
        self.start(RULES)
        for _ in range(20):
            self.done(*(["new", "Node", {"n": n}] for n in range(200)), query="?reply=summary")
            self.collect()
        self.assertTrue(eventually(lambda: set(self.states()) == set(CASES)), self.api("rules"))
        self.assertEqual(self.others(), {})
        self.gc(enabled=False)
        self.assertTrue(eventually(lambda: self.states().get("HeapdGcDisabled") == "pending"))
        self.assertEqual(self.others(), {"HeapdGcDisabled": "pending"})


if __name__ == "__main__":
    unittest.main()

"""prometheus_test.py - what is read as Prometheus reads it: the samples of a page, and a Prometheus of the test's own.

It runs on loopback, in a folder of its own, and ends with the test.
"""
import http.client
import json
import re
import socket
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from heapd_test import WAIT, HeapdTest, eventually


def samples(text):
    """{(name, labels): value} of a page."""
    found = {}
    for line in text.splitlines():
        if m := re.fullmatch(r"(\w+)(\{.*\})? (\S+)", line):
            found[m[1], m[2] or ""] = float(m[3])
    return found


class PrometheusTest(HeapdTest):
    fresh = True

    def start(self, rules=None):
        """Scrapes heapd and evaluates the rules in that file five times a second; returns when it has begun."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        (folder / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}
rule_files: {json.dumps([str(rules)] if rules else [])}
scrape_configs:
- job_name: heapd
  static_configs: [{{targets: ["{self.daemon.host}:{self.daemon.port}"]}}]
""")
        log = self.enterContext(open(folder / "log", "wb"))
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
             f"--web.listen-address=127.0.0.1:{self.port}", "--storage.tsdb.retention.size=64MB"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(self.stop)
        self.assertTrue(eventually(lambda: [v for _, v in self.ask("up")] == [1.0]), (folder / "log").read_text()[-2000:])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(WAIT)

    def api(self, path):
        """The data of an answer; None while there is nobody to answer."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        try:
            c.request("GET", f"/api/v1/{path}")
            return json.loads(c.getresponse().read())["data"]
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return None
        finally:
            c.close()

    def ask(self, query):
        """What an instant query finds: [(labels, value)]; [] while there is nobody to answer."""
        said = self.api(f"query?query={quote(query)}") or {"result": []}
        return [(r["metric"], float(r["value"][1])) for r in said["result"]]

"""test_report.py - the page of a load run: opened from a file, it shows verdict and charts, asks nobody, and lets no name do anything."""
import base64
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import load_sample
from browser_test import ROOT, WIDE, BrowserTest, eventually

HEAPCTL = os.environ.get("HEAPCTL_BIN") or str(ROOT / "build/client/heapctl")
EVIL = "</script><img src=x onerror=alert(1)>"
PLOTS = ["Heap over time", "The floor", "Throughput", "Latency over time", "Latency, by percentile", "Pauses"]
COLOURS = [["live", "committed", "rss", "floor", "full", "young"], ["slope", "floor"], ["ops", "planned"], ["p50", "p99", "max"], ["p99", "p50"],
           ["young", "p99", "full", "rss"]]
# how many pixels of the n-th canvas have about this colour of the style sheet, seen on its card
PAINTED = """
const [n, name] = arguments, canvas = document.querySelectorAll("canvas")[n], style = getComputedStyle(document.documentElement);
const rgb = (name) => style.getPropertyValue(name).trim().match(/\\w\\w/g).map(x => parseInt(x, 16)), card = rgb("--card"), want = rgb(`--${name}`);
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
let count = 0;
for (let i = 0; i < data.length; i += 4) {
    const part = data[i + 3] / 255;
    count += want.every((w, k) => Math.abs(data[i + k] * part + card[k] * (1 - part) - w) < 40);
}
return count;"""


class Report(BrowserTest, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def show(self, run):
        (self.folder / "run.json").write_text(json.dumps(run))
        subprocess.run([HEAPCTL, "report", "run.json", "page.html"], cwd=self.folder, check=True, timeout=60)
        self.open((self.folder / "page.html").as_uri())

    def titles(self):
        return [e.text for e in self.all("figure h2")]

    def all_painted(self):
        """Every line and mark is there, in its colour of the scheme."""
        for n, names in enumerate(COLOURS):
            for name in names:
                self.assertGreater(self.painted(n, name), 15, (PLOTS[n], name))

    def painted(self, n, name):
        return self.js(PAINTED, n, name)

    def table_of(self, title):
        """The rows of a chart's table, once it has been opened as people do."""
        figure = self.all("figure")[self.titles().index(title)]
        figure.find_element("css selector", "summary").click()
        read = "return [...arguments[0].querySelectorAll('tr')].map(r => [...r.cells].map(c => c.innerText))"
        return eventually(lambda: self.js(read, figure))

    # -- what it says

    def test_a_leak_is_said_first_and_in_words(self):
        self.show(load_sample.run())
        self.assertEqual(self.text("#word"), "Leak")
        self.assertTrue(self.driver.title.startswith("Leak: slow-leak"))
        self.assertIn("59.6 KiB a second", self.text(".sentence"))
        self.assertEqual([e.text for e in self.all(".where code")], ["load/slow-leak.c:31", "Listener"])
        self.assertEqual(len(self.all(".evidence li")), 3)
        self.assertIn("+60.2\u00a0KiB/s", self.text(".gauge"))
        self.assertIn("0 is not in it", self.text(".gauge"))
        self.assertEqual(self.text(".command code"), 'curl "${HEAPD_URL:-http://127.0.0.1:4327}/v1/objects?class=Leak"')
        self.assertEqual(self.text("#again code"), "heapctl load slow-leak --rate 1000 --duration 60 --clients 4 --seed 1 --url http://127.0.0.1:4327")
        self.assertLess(self.find("#verdict").location["y"], 300)

    def test_no_leak_and_not_known_are_words_too(self):
        self.show(load_sample.run(leaks=False))
        self.assertEqual(self.text("#word"), "No leak")
        self.assertIn("0 is in it", self.text(".gauge"))
        self.assertEqual(self.all("#suspects:not([hidden])"), [])
        self.show({**load_sample.run(leaks=False), "verdict": {"leak": None, "sentence": "Too short to tell.", "evidence": []}})
        self.assertEqual(self.text("#word"), "Not known")
        self.assertEqual(self.all(".gauge"), [])

    # -- what it draws

    def test_every_chart_is_drawn_and_has_its_table(self):
        run = load_sample.run()
        self.show(run)
        self.assertEqual(self.titles(), PLOTS)
        self.all_painted()
        heap = self.table_of("Heap over time")
        self.assertEqual(heap[0], ["Time", "Live", "Committed", "RSS", "Objects", "Collections"])
        self.assertEqual(len(heap), 61)
        self.assertEqual(heap[60][4:], [f"{run['series']['objects'][59]:,}", "68"])
        self.assertEqual(len(self.table_of("Pauses")), 1 + len(run["collections"]))
        for title in ("The floor", "Throughput", "Latency over time", "Latency, by percentile"):
            self.assertGreater(len(self.table_of(title)), 5, title)

    def test_an_hour_is_drawn_too_and_its_tables_can_be_read(self):
        self.show(load_sample.run(leaks=False, seconds=3600))
        self.all_painted()
        rows = self.table_of("Heap over time")
        self.assertEqual(rows[2][0], "0:00:10")
        self.assertTrue(200 <= len(rows) <= 402, len(rows))

    def test_a_run_that_measured_nothing_says_so(self):
        self.show({"heapd_load": 1, "scenario": "churn", "verdict": {"leak": None, "sentence": "heapd went away."}})
        self.assertEqual([e.text for e in self.all("figure .none")], ["Nothing was measured"] * len(PLOTS))
        self.assertEqual(self.text(".sentence"), "heapd went away.")
        holes = load_sample.run()
        holes["series"]["p99_us"], holes["series"]["live"], holes["latency_us"]["histogram"] = [None] * 60, [], []
        holes["collections"] += [None, {"t_s": None}]
        del holes["series"]["rss"], holes["service_us"]
        self.show(holes)
        self.assertEqual(self.text("#word"), "Leak")

    def test_a_line_is_taken_away_and_brought_back(self):
        self.show(load_sample.run())
        before, button = self.painted(0, "live"), self.find("figure .legend button")
        button.click()
        self.assertEqual(button.get_attribute("aria-pressed"), "false")
        self.assertLess(self.painted(0, "live"), before / 5)
        button.click()
        self.assertEqual(self.painted(0, "live"), before)

    def test_the_cursor_is_moved_by_keys_in_all_charts_over_time(self):
        run = load_sample.run()
        self.show(run)
        self.js("document.querySelector('canvas').focus()")
        self.focused().send_keys("\ue008" + "\ue014" * 6)   # shift and the right arrow, a tenth each: half way
        self.assertEqual([e.text for e in self.all(".legend .at")], ["at 30 s"] * 4 + [""] + ["at 30 s"])
        live = f"{run['series']['live'][29] / load_sample.MIB:.2f}"
        self.assertIn(live, self.text("figure .legend"))
        self.assertIn(f"at 30 s: live {live}", self.text("figure .hidden").replace("\u00a0", " "))
        self.press("\ue00c")                                # Escape
        self.assertEqual(self.text("figure .legend .at"), "")

    # -- whom it lets do what

    def test_names_are_text_whatever_they_say(self):
        run = load_sample.run(site=EVIL, kind="<b>\u202eevil", scenario="<!--<script>")
        run["ops"]["by_kind"] = {EVIL: 3, "__proto__": 2}
        run["collections"][0]["reason"] = run["verdict"]["evidence"][0] = run["url"] = run["verdict"]["suspects"][0]["more"][0] = EVIL
        self.show(run)
        self.assertEqual(self.text("h1"), "<!--<script>")
        self.assertEqual([e.text for e in self.all(".where code")], [EVIL, "<b>\u202eevil"])
        self.assertIn(EVIL, self.text("#kinds"))
        self.assertIn(f"--url '{EVIL}'", self.text("#again code"))
        self.assertEqual(self.table_of("Pauses")[1][2], EVIL)
        self.assertEqual(self.all("img, b:not(.legend b), script:not([id]) ~ img"), [])
        self.assertEqual(len(self.all("script")), 3)

    def test_nothing_else_runs_in_it_and_it_asks_nobody(self):
        self.show(load_sample.run())
        for attack in ("const s = document.createElement('script'); s.textContent = 'window.hurt = 1'; document.body.append(s)",
                       "const i = new Image(); i.src = 'http://127.0.0.1:9/x.png'; document.body.append(i)",
                       "document.body.setAttribute('onclick', 'window.hurt = 1'); document.body.click()",
                       "const s = document.createElement('style'); s.textContent = 'body {display: none}'; document.body.append(s)"):
            self.js(attack)
        self.excuse("Content Security Policy")
        self.assertEqual(self.js("return [window.hurt, getComputedStyle(document.body).display]"), [None, "block"])
        self.assertGreaterEqual(len(self.browser.errors()), 4)

    # -- for whom

    def test_everybody_can_read_it(self):
        self.show(load_sample.run())
        self.table_of("The floor")
        self.accessible()

    def test_charts_follow_the_scheme_and_paper_is_white(self):
        self.show(load_sample.run())
        self.browser.look(WIDE, scheme="dark")
        self.assertTrue(eventually(lambda: self.painted(0, "live") > 500))
        self.all_painted()
        dark = self.js("return getComputedStyle(document.body).backgroundColor")
        self.js("dispatchEvent(new Event('beforeprint'))")
        paper = self.js("return getComputedStyle(document.documentElement).getPropertyValue('--paper')")
        self.js("dispatchEvent(new Event('afterprint'))")
        self.assertEqual((dark, paper.strip()), ("rgb(14, 17, 21)", "#f6f5f1"))
        self.assertGreater(len(base64.b64decode(self.driver.print_page())), 20_000)
        self.assertEqual(self.js("return document.documentElement.dataset.print"), None)
        self.all_painted()

    def test_it_looks_well_on_each_screen(self):
        self.show(load_sample.run())
        self.on_each_screen("report-leak")
        self.show(load_sample.run(leaks=False, seconds=3600))
        self.on_each_screen("report-well")


if __name__ == "__main__":
    unittest.main()

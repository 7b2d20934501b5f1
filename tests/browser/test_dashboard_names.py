"""test_dashboard_names.py - whatever stands in the heap is text on the dashboard, and nothing of it runs."""
import os
import re
import subprocess
import time
import unittest
from urllib.parse import quote

from browser_test import NARROW, eventually
from dashboard_test import REFUSED, TABS, DashboardTest
from selenium.webdriver.common.keys import Keys

HOSTILE = {
    "img": "<img src=x onerror='window.owned=1'>",
    "script": "</script><script>window.owned=1</script>",
    "quotes": "\"' onmouseover=window.owned=1 `${window.owned=1}` \\",
    "rtl": "\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "long": "W" * 255,
    "longest": "\u65e5" * 85,
    "entity": "&lt;b&gt; &#0; %3Cb%3E",
    "control": "a\nb\tc\x01d\x7f",
    "proto": "__proto__",
    "constructor": "constructor",
    "blank": " ",
    "shell": "$(touch owned); `id` '\\''",
}


class Names(DashboardTest):
    """Whatever somebody calls what he puts into the heap."""

    def setUp(self):
        super().setUp()
        self.ids = {}
        for key, name in HOSTILE.items():
            i = self.ids[key] = self.ok(self.c.post("/v1/objects", {"class": name, "fields": {"text": name}, "root": name}), 201)["id"]
            self.ok(self.c.put(f"/v1/objects/{i}/fields/{quote(name, safe='')}", {"$ref": i}), 201)
            if all(" " <= c < "\x7f" for c in name) and key != "blank":
                self.ok(self.c.post("/v1/objects", {"class": "Sited", "fields": {}}, {"Heapd-Site": name}), 201)
            self.ok(self.c.post("/v1/sessions", {"ttl": 600, "label": name}), 201)
            self.ok(self.c.put(f"/v1/weak/{quote(name, safe='')}", {"$ref": i}), 200, 201, 204)

    def nothing_ran(self):
        self.assertIsNone(self.js("return window.owned ?? null"))
        self.assertEqual(self.all("img, b, body script, iframe, object"), [])

    def test_they_are_text_in_every_panel(self):
        self.enter()
        self.assertTrue(eventually(lambda: len(self.all("#tally-table tbody tr")) >= len(HOSTILE)))
        names = self.js("return [...document.querySelectorAll('#tally-table tbody tr')].map(r => r.dataset.name)")
        self.assertLessEqual(set(HOSTILE.values()), set(names))
        self.assertIn(HOSTILE["img"], self.text("#tally-table"))
        self.assertIn(HOSTILE["script"], self.text("#tally-table"))
        self.nothing_ran()
        self.click("label[for=tally-sites]")
        self.reads("#tally-table", re.escape(HOSTILE["script"]))
        self.nothing_ran()
        self.click("#tab-suspects")
        self.reads("#sessions-table", re.escape(HOSTILE["img"]))
        self.ok(self.c.delete(f"/v1/roots/{quote(HOSTILE['img'], safe='')}"), 200, 204)
        self.collect()                                         # it held itself
        self.reads("#events-feed", "weak name.*onerror")
        self.nothing_ran()
        self.ok(self.c.post("/v1/snapshots"), 201)
        for tab in ("pools", "snapshots"):
            self.click(f"#tab-{tab}")
            self.assertTrue(eventually(lambda: self.by_id(f"panel-{tab}").is_displayed()))
            self.nothing_ran()

    def test_they_are_text_in_the_inspector(self):
        self.enter()
        for key, name in HOSTILE.items():
            with self.subTest(key):
                self.inspect(self.ids[key])
                parts = self.js("return ['inspect-facts', 'inspect-fields', 'inspect-referrers', 'why-picture'].map(i => document.getElementById(i).textContent)")
                if name.isprintable() and key not in ("blank", "long", "longest", "rtl"):
                    self.assertIn(name, parts[0])
                    self.assertIn(name, parts[1])
                    self.assertIn(name, parts[2])
                self.nothing_ran()

    def test_long_ones_stay_inside_their_boxes(self):
        self.enter()
        for key in ("long", "longest"):
            self.inspect(self.ids[key])
            wide = self.js("""return [...document.querySelectorAll('#why-picture .box')].filter(b => [...b.querySelectorAll('text')].some(
                t => t.getComputedTextLength() > b.querySelector('rect').width.baseVal.value)).map(b => b.textContent)""")
            self.assertEqual(wide, [])

    def test_their_roots_are_found_and_cut(self):
        self.enter()
        self.excuse(REFUSED + "04")                            # what was found by its root is asked for again
        for key in ("img", "script", "quotes", "long", "longest", "shell", "proto"):
            with self.subTest(key):
                self.inspect(HOSTILE[key]) if key not in ("long", "longest") else self.inspect(self.ids[key])
                line = self.cut("root")
                self.assertRegex(line, r"^[\x20-\x7e]*$")
                self.assertTrue(eventually(lambda: self.c.get(f"/v1/roots/{quote(HOSTILE[key], safe='')}").status == 404))
                self.nothing_ran()

    def inspect(self, what):
        self.press("/")
        self.fill("search", str(what)).send_keys(Keys.ENTER)
        self.assertTrue(eventually(lambda: self.by_id("inspect-body").is_displayed() and self.all("#why-picture .box.target")))

    def test_curl_lines_with_them_are_safe(self):
        self.enter("tab=suspects")
        self.reads("#sessions-table", "onerror")
        lines = self.js("return [...document.querySelectorAll('[data-curl]')].map(b => b.dataset.curl)")
        for key in HOSTILE:
            self.inspect(self.ids[key])
            lines += self.js("return [...document.querySelectorAll('#panel-inspect [data-curl]')].map(b => b.dataset.curl)")
        folder = self.home + "/here"
        os.makedirs(folder, exist_ok=True)
        for line in set(lines):
            self.assertRegex(line, r"^[\x20-\x7e]*$")
            if " -X " not in line and " -d " not in line and "|" not in line:
                ran = subprocess.run(["sh", "-c", line.replace("curl ", "curl -sS -f -o /dev/null ", 1)], cwd=folder, capture_output=True, text=True, timeout=30)
                self.assertEqual(ran.returncode, 0, (line, ran.stderr))
        self.assertEqual(os.listdir(folder), [])

    def test_they_make_nothing_wider_than_a_telephone(self):
        self.enter()
        self.browser.look(NARROW)
        for tab in TABS:
            with self.subTest(tab):
                self.click(f"#tab-{tab}")
                if tab == "inspect":
                    self.inspect(self.ids["long"])
                time.sleep(0.3)
                self.no_sideways()


if __name__ == "__main__":
    unittest.main()

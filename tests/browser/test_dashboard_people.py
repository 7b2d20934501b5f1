"""test_dashboard_people.py - the dashboard for everybody: by keys, on any screen, in light and dark; and what it costs heapd."""
import os
import re
import time
import unittest

from browser_test import NARROW, WIDE, eventually
from dashboard_test import REFUSED, TABS, DashboardTest
from selenium.webdriver.common.keys import Keys

IDLE_SECONDS = 20
IDLE_PART_MAX = 0.05                            # of a core, while somebody looks; a page that is not looked at asks nothing

# Which element has the focus now, by a number of its own; and of the one that had it before, its name, if it looked the same with it.
WALK = """
const looks = e => [e, e.parentElement, e.nextElementSibling, ...e.querySelectorAll("*")].filter(Boolean).slice(0, 12).map(x => getComputedStyle(x))
    .map(s => [s.outline, s.boxShadow, s.stroke, s.strokeWidth, s.fill, s.backgroundColor, s.borderColor, s.opacity].join()).join(";");
window.walk ??= {numbers: new Map(), last: null};
const same = walk.last && walk.last.looks === looks(walk.last.e) ? [walk.last.e.id || walk.last.e.outerHTML.slice(0, 80)] : [];
const e = document.activeElement;
walk.last = e && e !== document.body ? {e, looks: looks(e)} : null;
if (!walk.last) return null;
if (!walk.numbers.has(e)) walk.numbers.set(e, walk.numbers.size);
return {number: walk.numbers.get(e), same};
"""


class Everybody(DashboardTest):
    """Keys, eyes, screens."""

    def a_heap(self):
        """Something to see in every panel."""
        for n in range(40):
            self.ok(self.c.post("/v1/objects", {"class": f"Class{n % 7}", "fields": {"n": n, "text": "x" * n}}, {"Heapd-Site": f"app.py:{n % 5}"}), 201)
        leaf = self.new({"n": 1}, kind="Leaf")
        self.new({"leaf": {"$ref": leaf}, "w": {"$weak": leaf}}, kind="Cache", root="cache")
        self.new(items=[1, {"$ref": leaf}], kind="Queue", root="queue")
        for label in ("worker-1", "worker-2"):
            self.session(label=label)
        self.ok(self.c.post("/v1/snapshots"), 201)
        self.collect()
        return leaf

    def each_view(self, leaf):
        for tab in TABS:
            self.click(f"#tab-{tab}")
            if tab == "inspect":
                self.inspect(leaf)
            self.assertTrue(eventually(lambda: self.by_id(f"panel-{tab}").is_displayed()))
            time.sleep(0.5)                                    # its first answers
            yield tab

    def test_axe_finds_nothing_grave(self):
        leaf = self.a_heap()
        self.enter()
        for scheme in ("light", "dark"):
            self.browser.look(WIDE, scheme=scheme, calm=True)
            for tab in self.each_view(leaf):
                with self.subTest(scheme=scheme, tab=tab):
                    self.accessible()
            self.js("document.getElementById('help').showModal()")
            with self.subTest(scheme=scheme, dialog="help"):
                self.accessible()
            self.press(Keys.ESCAPE)

    def test_every_screen_has_room(self):
        leaf = self.a_heap()
        self.enter()
        for tab in self.each_view(leaf):
            self.on_each_screen(f"dashboard-{tab}", lambda: time.sleep(0.4))
            self.browser.look(WIDE)

    def test_on_a_telephone_what_is_chosen_is_in_sight(self):
        self.enter()
        self.browser.look(NARROW)
        for tab in (*TABS, *reversed(TABS)):
            self.js("document.getElementById(arguments[0]).click()", f"tab-{tab}")
            left, right, width = self.js("""const a = document.getElementById(arguments[0]).getBoundingClientRect(), b = document.getElementById("tabs").getBoundingClientRect();
                return [a.left - b.left, a.right - b.left, b.width]""", f"tab-{tab}")
            self.assertTrue(-1 <= left and right <= width + 1, (tab, left, right, width))

    def test_keys(self):
        self.enter()
        self.press("?")
        self.assertTrue(eventually(lambda: self.by_id("help").get_attribute("open")))
        self.press("g")                                        # in a dialog a key is no command
        self.press(Keys.ESCAPE)
        self.assertTrue(eventually(lambda: not self.by_id("help").get_attribute("open")))
        self.assertEqual(self.gc()["generations"][2]["collections"], 0)
        self.press("g")
        self.assertTrue(eventually(lambda: self.gc()["generations"][2]["collections"] == 1))
        self.press("/")
        self.assertEqual(self.focused().get_attribute("id"), "search")
        self.press("g")                                        # in a field it is a letter
        self.assertEqual(self.by_id("search").get_attribute("value"), "g")
        self.press(Keys.ESCAPE)
        for i, tab in enumerate(TABS, 1):
            self.press(str(i))
            self.assertTrue(eventually(lambda: self.by_id(f"panel-{tab}").is_displayed()), tab)
        self.press(Keys.ARROW_RIGHT)
        self.assertTrue(eventually(lambda: self.by_id("panel-tallies").is_displayed()))
        self.assertEqual(self.gc()["generations"][2]["collections"], 1)

    def test_a_cut_by_keys_alone(self):
        leaf = self.new({}, kind="Leaf", root="held")
        self.enter()
        self.excuse(REFUSED + "10")
        self.inspect(leaf)
        self.js("document.querySelector('#why-picture [data-cut=root]').focus()")
        self.press(Keys.ENTER)
        self.assertTrue(eventually(lambda: self.by_id("confirm").get_attribute("open")))
        self.press(Keys.ESCAPE)
        self.assertTrue(eventually(lambda: not self.by_id("confirm").get_attribute("open")))
        self.assertTrue(self.alive(leaf))
        self.press(" ")
        self.assertTrue(eventually(lambda: self.by_id("confirm").get_attribute("open")))
        while self.focused().get_attribute("id") != "confirm-yes":
            self.press(Keys.TAB)
        self.press(Keys.ENTER)
        self.assertTrue(eventually(lambda: self.c.get("/v1/roots/held").status == 404))

    def test_tab_leads_everywhere_and_is_seen(self):
        leaf = self.a_heap()
        self.enter()
        self.inspect(leaf)
        wanted = self.js("""return [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")].filter(
            e => e.checkVisibility({visibilityProperty: true}) && e.tabIndex >= 0 && !e.disabled && !(e.type === "radio" && !e.checked)).length""")
        self.js("document.activeElement.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)")
        seen, same = set(), []
        for _ in range(wanted + 40):
            self.press(Keys.TAB)
            at = self.js(WALK)
            if at is None:
                continue
            seen.add(at["number"])
            same += at["same"]
        self.assertEqual(same, [], "these look as they do without the focus")
        self.assertGreaterEqual(len(seen), wanted * 0.95)

    def test_a_page_that_is_open_costs_next_to_nothing(self):
        self.a_heap()
        self.enter()
        time.sleep(3)
        before, began = self.cpu(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        part = (self.cpu() - before) / (time.monotonic() - began)
        print(f"heapd with an idle page open: {100 * part:.2f} % of a core")
        self.assertLess(part, IDLE_PART_MAX)

    def cpu(self):
        with open(f"/proc/{self.daemon.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_a_page_that_nobody_looks_at_asks_nothing(self):
        self.enter()
        page = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        self.addCleanup(self.driver.switch_to.window, page)
        self.addCleanup(self.driver.close)

        def asked():
            page = self.c.get("/metrics").raw.decode()
            return sum(float(n) for route, n in re.findall(r'^heapd_http_requests_total\{method="\w+",route="([^"]*)".*\} (\S+)', page, re.M) if route != "/metrics")
        if self.js("return document.visibilityState") != "visible":
            self.skipTest("this browser hides no tab")
        time.sleep(1)
        before = asked()
        time.sleep(4)
        self.assertEqual(asked(), before)


if __name__ == "__main__":
    unittest.main()

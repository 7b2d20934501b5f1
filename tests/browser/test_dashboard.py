"""test_dashboard.py - the dashboard: what it shows is so, and what is done in it heapd has done."""
import os
import re
import socket
import subprocess
import time
import unittest

from browser_test import eventually
from dashboard_test import REFUSED, DashboardTest
from heapd_test import Client, Daemon
from selenium.webdriver.common.keys import Keys

CUT_OFF = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_NETWORK_CHANGED")


class Numbers(DashboardTest):
    def test_what_it_shows_is_what_there_is(self):
        for n in range(123):
            self.new({"n": n})
        self.enter()
        self.shows("now-objects", 123)
        self.assertEqual(self.value("now-bytes"), self.heap()["bytes"]["live"])
        self.assertEqual(self.text("#instance"), self.c.get("/livez").headers["heapd-instance"])
        self.new({})
        self.shows("now-objects", 124)
        self.shows("count-0", self.gc()["counts"][0])
        self.reads("#tally-table", r"Node\s+124")

    def test_the_address_holds_the_view(self):
        i = self.new({"a": 1}, root="r")
        self.enter()
        self.click("label[for=unit-objects]")
        self.click("label[for=range-15m]")
        self.inspect(i)
        address = self.driver.current_url
        self.driver.get("about:blank")
        self.driver.get(address)
        self.live()
        self.reads("#inspect-facts", str(i))
        self.assertTrue(self.by_id("unit-objects").is_selected() and self.by_id("range-15m").is_selected())
        self.driver.back()

    def test_a_broken_address_breaks_nothing(self):
        self.enter()
        for view in ("unit=x", "tally=x", "sort=constructor", "dir=x", "range=__proto__", "tab=x", "tab=inspect&id=x%00", "since=9999", "hide=x",
                     "filter=%3Cimg%20src=x%3E", "%", "tally=x%15y%0a", "id=99999999999999999999&tab=inspect"):
            with self.subTest(view):
                self.excuse(REFUSED)                           # of a root or snapshot that is not there, or cannot be
                self.driver.get("about:blank")
                self.enter(view)
                self.click("#tab-pools")
                self.assertTrue(eventually(lambda: self.by_id("panel-pools").is_displayed()))
                self.click("#tab-tallies")
                self.assertTrue(eventually(lambda: self.by_id("tally-table").is_displayed()))
                self.assertRegex(self.data_curl("#panel-tallies"), r"^[\x20-\x7e]*$")

    def data_curl(self, css):
        return "".join(self.js("return [...document.querySelectorAll(arguments[0] + ' [data-curl]')].map(b => b.dataset.curl)", css))


class Console(DashboardTest):
    """What is tuned is tuned in heapd."""

    def test_a_threshold_is_tuned(self):
        self.enter()
        self.assertTrue(eventually(lambda: self.by_id("threshold-0").get_attribute("value") == "2000"))
        self.fill("threshold-0", "777").send_keys(Keys.ENTER)
        self.assertTrue(eventually(lambda: self.gc()["thresholds"] == [777, 10, 10]), self.gc())
        self.fill("threshold-2", "5").send_keys(Keys.ENTER)
        self.assertTrue(eventually(lambda: self.gc()["thresholds"] == [777, 10, 5]), self.gc())
        self.gc(thresholds=[1234])
        self.assertTrue(eventually(lambda: self.by_id("threshold-0").get_attribute("value") == "1234"))
        slider = self.by_id("threshold-1-slider")
        slider.send_keys(Keys.END)
        self.assertTrue(eventually(lambda: self.gc()["thresholds"] == [1234, 1000, 5]), self.gc())

    def test_counts_fill_and_a_collection_empties_them(self):
        self.enter()
        ids = [self.new({}) for _ in range(30)]
        self.shows("count-0", 30)
        self.link(ids[0], "me", ids[0])
        self.drop(ids[0])
        self.click("#collect-2")
        self.reads("#gc-result", r"Generation 2: 1 of 30 collected")
        self.shows("count-0", 0)
        self.assertEqual([(r["reason"], r["collected"]) for r in self.ok(self.c.get("/v1/gc/log"))["items"]], [("request", 1)])

    def test_switches(self):
        self.enter()
        self.assertTrue(eventually(lambda: self.by_id("gc-enabled").get_attribute("aria-checked") == "true"))
        self.click("#gc-enabled")
        self.assertTrue(eventually(lambda: not self.gc()["enabled"]))
        self.assertTrue(eventually(lambda: self.by_id("gc-enabled").get_attribute("aria-checked") == "false"))
        self.click("#collector-more summary")
        self.click("#debug-saveall")
        self.assertTrue(eventually(lambda: self.gc()["debug"] == ["saveall"]))
        self.fill("pause-budget", "250").send_keys(Keys.ENTER)
        self.assertTrue(eventually(lambda: self.gc()["pause_budget_us"] == 250))
        self.new({})
        self.click("#freeze")
        self.assertTrue(eventually(lambda: self.gc()["frozen"] == 1))
        self.click("#unfreeze")
        self.assertTrue(eventually(lambda: self.gc()["frozen"] == 0))

    def test_curl_lines_do_what_the_control_would(self):
        self.enter()
        self.click("#collector-more summary")
        lines = self.js("return [...document.querySelectorAll('#collector [data-curl]')].map(b => b.dataset.curl)")
        self.assertGreater(len(lines), 10)
        for line in lines:
            with self.subTest(line):
                ran = subprocess.run(["sh", "-c", line.replace("curl ", "curl -sS -f ", 1)], capture_output=True, text=True, timeout=30)
                self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertFalse(self.gc()["enabled"])                 # that switch was pressed too
        self.assertIn("request", [r["reason"] for r in self.ok(self.c.get("/v1/gc/log"))["items"]])


class Inspector(DashboardTest):
    def test_why_is_seen_and_a_link_is_cut(self):
        leaf = self.new({"n": 7}, kind="Leaf")
        cache = self.new({"left": {"$ref": leaf}, "n": 1}, kind="Cache", root="cache")
        self.drop(leaf)
        self.ok(self.c.put("/v1/weak/leaf", {"$ref": leaf}))
        self.enter()
        self.inspect(leaf)
        self.assertRegex(self.text("#inspect-facts"), r"(?s)Leaf.*references\s+1")
        self.assertRegex(self.text("#inspect-fields"), r"n\s+7")
        picture = self.js("return document.getElementById('why-picture').textContent")
        for word in ("cache", "Cache", ".left", "Leaf", str(cache), str(leaf)):
            self.assertIn(word, picture)
        self.assertIn("$ref", self.cut("field", yes=False))
        self.assertEqual(self.doc(cache)["fields"], {"left": {"$ref": leaf}, "n": 1})
        self.cut("field")
        self.assertTrue(eventually(lambda: self.doc(cache)["fields"] == {"n": 1}), self.doc(cache))
        self.assertFalse(self.alive(leaf))
        self.excuse(REFUSED + "10")                            # it is shown, and is gone
        self.reads("#inspect-problem", "(?i)collected|dead|died|no longer|gone")

    def test_what_was_shown_and_has_changed_is_not_cut(self):
        leaf = self.new({}, kind="Leaf")
        cache = self.new({"left": {"$ref": leaf}}, kind="Cache", root="cache")
        other = self.new({}, kind="Other")
        self.enter()
        self.inspect(leaf)
        self.link(cache, "left", other)
        self.excuse(REFUSED)
        self.cut("field")
        self.reads("#toasts", "Nothing was cut")
        self.assertEqual(self.doc(cache)["fields"], {"left": {"$ref": other}})

    def test_each_kind_of_link_is_cut(self):
        self.excuse(REFUSED + "10")
        doc, client = self.session(label="worker")
        ids = {kind: self.new({}, kind=kind) for kind in ("Item", "Root", "Session", "Hold")}
        items = self.new(items=[{"$ref": ids["Item"]}, 2], kind="L", root="list")
        self.root("the root", ids["Root"])
        self.ok(client.put(f"/v1/objects/{ids['Session']}/hold"))
        for kind in ("Item", "Root", "Session"):
            self.drop(ids[kind])
        self.enter()
        for kind, i in ids.items():
            with self.subTest(kind):
                self.inspect(i)
                self.cut(kind.lower())
                self.assertTrue(eventually(lambda: not self.alive(i)))
        self.assertEqual(self.doc(items)["items"], [None, 2])
        self.problem(client.get("/v1/sessions/self"), 409, "session-ended")
        self.gc(debug=["saveall"])
        i = self.new({}, kind="Garbage")
        self.link(i, "me", i)
        self.drop(i)
        self.collect()
        self.inspect(i)
        self.cut("garbage")
        self.assertTrue(eventually(lambda: self.gc()["garbage"] == 0))
        self.gc(debug=[])

    def test_from_one_to_the_next_by_links(self):
        b = self.new({"name": "b"}, kind="B")
        a = self.new({"b": {"$ref": b}, "w": {"$weak": b}, "text": "x" * 3000}, kind="A", root="a")
        self.enter()
        self.inspect(a)
        self.click(f"#inspect-fields [data-id='{b}']")
        self.reads("#inspect-facts", rf"(?s)\bB\b.*{b}")
        self.click(f"#inspect-referrers [data-id='{a}']")
        self.reads("#inspect-facts", rf"(?s)\bA\b.*{a}")
        self.driver.back()
        self.reads("#inspect-facts", rf"(?s)\bB\b.*{b}")


class Again(DashboardTest):
    """heapd ends and starts again at the same address, without data: another heap, with the same ids."""

    def begin(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.at = f"127.0.0.1:{s.getsockname()[1]}"
        self.options = ("--listen", self.at)
        super().begin()

    def open(self, address):
        super().open(f"http://{self.at}{address}")

    def again(self):
        self.excuse(*CUT_OFF)
        self.c.close()
        self.daemon.terminate()
        self.assertEqual(self.daemon.finish(), 0)
        self.assertTrue(eventually(lambda: self.data("connection-state", "state") == "away"))
        self.daemon = Daemon(*self.options)
        self.c = Client(self.daemon)
        self.live()

    def test_the_page_goes_on_without_being_loaded_again(self):
        for _ in range(5):
            self.new({})
        self.enter()
        self.shows("now-objects", 5)
        before = self.text("#instance")
        self.js("window.mark = 1")
        self.again()
        self.assertTrue(eventually(lambda: self.text("#instance") not in ("", before)))
        self.shows("now-objects", 0)
        self.new({})
        self.shows("now-objects", 1)
        self.click("#collect-2")
        self.reads("#gc-result", "Generation 2: 0 of 1 collected")
        self.assertEqual(self.js("return window.mark"), 1)

    def test_what_was_asked_of_one_heap_is_not_done_to_another(self):
        precious = self.new({}, kind="Precious", root="mine")
        self.enter()
        self.inspect(precious)
        self.click('#why-picture [data-cut="root"]')
        self.again()
        other = self.new({}, kind="SomebodyElses", root="mine")
        self.assertEqual(other, precious)
        self.excuse(REFUSED)
        if self.by_id("confirm").get_attribute("open"):
            self.click("#confirm-yes")
        time.sleep(1)
        self.assertEqual(self.ok(self.c.get("/v1/roots/mine")), {"$ref": other})
        self.assertNotIn("SomebodyElses", self.text("#inspect-facts"))


class Tokens(DashboardTest):
    """heapd wants a token: one that does not know it, then one that does, without loading the page again."""

    def begin(self):
        self.file = os.path.join(self.home, "tokens")
        with open(self.file, "w") as f:
            f.write(f"ops admin {'a' * 40}\nreader read {'r' * 40}\n")
        os.chmod(self.file, 0o600)
        self.daemon = Daemon("--token-file", self.file)
        self.c = Client(self.daemon, Authorization="Bearer " + "a" * 40)

    def end(self):
        self.c.close()
        self.daemon.terminate()
        self.assertEqual(self.daemon.finish(), 0)

    def give(self, token):
        self.assertTrue(eventually(lambda: self.by_id("token-dialog").get_attribute("open")))
        self.fill("token-input", token).send_keys(Keys.ENTER)

    def test_a_wrong_token_then_the_right_one(self):
        self.excuse(REFUSED)
        self.open("/")
        self.assertTrue(eventually(lambda: self.by_id("token-dialog").get_attribute("open")))
        lines = self.js("return [...document.querySelectorAll('#collector [data-curl]')].map(b => b.dataset.curl)")
        self.assertEqual([line for line in lines if "PATCH" in line], [])       # nothing is known yet: no line turns it off
        self.press(Keys.ESCAPE)
        self.assertTrue(eventually(lambda: not self.by_id("token-dialog").get_attribute("open")))
        self.click("#token-open")
        self.give("wrong" * 8)
        self.give("a" * 40)
        self.live()
        self.assertNotIn("a" * 40, self.driver.current_url)
        self.assertNotIn("a" * 40, self.js("return document.documentElement.outerHTML"))
        self.click("#collect-2")
        self.reads("#gc-result", "Generation 2")

    def test_who_may_only_read_is_told_so(self):
        self.excuse(REFUSED)
        self.open("/")
        self.give("r" * 40)
        self.live()
        self.fill("threshold-0", "5").send_keys(Keys.ENTER)
        self.reads("#toasts", "scope|admin|read")
        self.assertEqual(self.gc()["thresholds"][0], 2000)


if __name__ == "__main__":
    unittest.main()

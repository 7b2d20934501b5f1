"""dashboard_test.py - the page at /, for tests: it is opened, read and used as people do.

The elements that tests look for are listed at the top of api/dashboard/dashboard.html.
"""
from browser_test import BrowserTest, HeapdTest, eventually
from selenium.webdriver.common.keys import Keys

TABS = ("tallies", "inspect", "suspects", "pools", "snapshots")
REFUSED = "Failed to load resource: the server responded with a status of 4"     # and two digits: what the console says of it


class DashboardTest(BrowserTest, HeapdTest):
    fresh = True

    def enter(self, view=""):
        """The page with this view in its address, once it is live and has shown the first numbers."""
        self.open("/" + (f"#{view}" if view else ""))
        self.live()

    def live(self):
        self.assertTrue(eventually(lambda: self.data("connection-state", "state") == "live" and self.value("now-objects") is not None),
                        self.text("#connection-state"))

    def data(self, name, key):
        return self.js("const e = document.getElementById(arguments[0]); return e && e.dataset[arguments[1]]", name, key)

    def value(self, name):
        """The number behind what an element shows."""
        shown = self.data(name, "value")
        return None if shown in (None, "") else float(shown)

    def shows(self, name, value):
        self.assertTrue(eventually(lambda: self.value(name) == value), f"{name}: {self.value(name)} is not {value}")

    def by_id(self, name):
        return self.find(f"#{name}")

    def click(self, css):
        """Soon, where it can be seen."""
        self.assertTrue(eventually(lambda: self.js(
            "const e = document.querySelector(arguments[0]); if (e) e.scrollIntoView({block: 'center'}); return !!e", css)), f"no {css}")
        self.find(css).click()

    def fill(self, name, text):
        """As somebody would: all of it marked, then typed over."""
        field = self.by_id(name)
        field.click()
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)
        return field

    def inspect(self, i):
        """By the keyboard: / and the id."""
        self.press("/")
        self.fill("search", str(i)).send_keys(Keys.ENTER)
        self.reads("#inspect-facts", str(i))
        self.assertTrue(eventually(lambda: self.all("#why-picture .box.target")), "no picture")

    def cut(self, kind, yes=True):
        """The first link of this kind in the picture; answers the curl line that the question shows."""
        self.click(f'#why-picture [data-cut="{kind}"]')
        self.assertTrue(eventually(lambda: self.by_id("confirm").get_attribute("open")))
        line = self.text("#confirm-curl")
        self.click("#confirm-yes" if yes else "#confirm-no")
        self.assertTrue(eventually(lambda: not self.by_id("confirm").get_attribute("open")))
        return line

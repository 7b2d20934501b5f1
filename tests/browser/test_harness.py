"""test_harness.py - what the tests in the browser would overlook, they could not forbid: bad pages, and what is said of them."""
import re
import struct
import tempfile
import unittest
import unittest.mock
from pathlib import Path

import browser_test
from browser_test import NARROW, WIDE, BrowserTest, eventually

GOOD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>good</title>
<meta name="viewport" content="width=device-width"><style>
:root {color-scheme: light dark; background: white; color: black}
@media (prefers-color-scheme: dark) {:root {background: black; color: white}}
</style></head><body><main><h1>Well</h1>%s</main></body></html>"""
POLICY = '<meta http-equiv="Content-Security-Policy" content="script-src \'none\'">'


class Harness(BrowserTest, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def page(self, body="", name="page.html"):
        path = self.folder / name
        path.write_text(GOOD % body)
        self.open(path.as_uri())

    def wrong(self, says, check):
        """`check` finds fault with the page, soon, and says so; then it is forgotten."""
        self.maxDiff = None
        self.assertTrue(eventually(lambda: re.search(says, self.fault(check))), f"{says!r} is not in {self.fault(check)!r}")
        self.browser.forget()

    @staticmethod
    def fault(check):
        try:
            check()
            return ""
        except AssertionError as e:
            return str(e)

    def test_a_good_page_is_let_be(self):
        self.page("<p>and good</p>")
        self.reads("p", "and good")
        self.no_sideways()
        self.accessible()
        self.keeps_the_rules()

    def test_what_it_says_in_anger_is_heard(self):
        self.page("<script>console.log('fine'); console.error('angry')</script>")
        self.wrong("angry", self.keeps_the_rules)
        self.page("<script>nothing.at.all</script>")
        self.wrong("nothing is not defined", self.keeps_the_rules)
        self.page("<script>Promise.reject(new Error('unheard'))</script>")
        self.wrong("unheard", self.keeps_the_rules)
        self.page(POLICY + "<img alt='' src='data:,' onerror='hurt()'>")
        self.wrong("(?i)content security policy", self.keeps_the_rules)

    def test_what_is_excused_is_excused_and_no_more(self):
        self.page("<script>console.error('one'); console.error('two')</script>")
        self.excuse("one")
        self.wrong(r"two", self.keeps_the_rules)
        self.page("<script>console.error('one')</script>")
        self.keeps_the_rules()

    def test_what_it_asks_of_others_is_seen_and_reaches_nobody(self):
        self.page("<script>fetch('http://elsewhere.example/x').catch(() => document.title = 'not there')</script>")
        self.assertTrue(eventually(lambda: self.driver.title == "not there"))
        self.excuse("elsewhere")
        self.wrong(r"http://elsewhere\.example/x", self.keeps_the_rules)
        self.page("<img alt='' src='https://192.0.2.1/y.png'>")
        self.wrong(r"https://192\.0\.2\.1/y\.png", self.keeps_the_rules)

    def test_what_some_cannot_read_or_find_is_found(self):
        self.page("<img src='data:,'><p style='color: #aaa; background: #fff'>pale</p>")
        self.install_axe()
        self.wrong("(?s)color-contrast.*image-alt|image-alt.*color-contrast", self.no_grave_violation)

    def test_what_is_too_wide_is_named(self):
        self.page("<pre id='long'>" + "x" * 100 + "</pre>")
        self.no_sideways()
        self.browser.look(NARROW)
        self.wrong("PRE#long", self.no_sideways)

    def test_schemes_and_sizes_are_as_asked_for(self):
        self.page("<p>seen</p>")
        for width, scheme, colour in ((WIDE, "light", "rgb(255, 255, 255)"), (NARROW, "dark", "rgb(0, 0, 0)")):
            self.browser.look(width, scheme=scheme)
            self.assertEqual(self.js("return [innerWidth, getComputedStyle(document.documentElement).backgroundColor]"), [width, colour])

    def test_pictures_show_all_of_the_page(self):
        self.enterContext(unittest.mock.patch.object(browser_test, "PICTURES", self.folder / "pictures"))
        self.page("<div style='height: 3000px'></div>")
        self.on_each_screen("tall")
        sizes = {}
        for path in (self.folder / "pictures").iterdir():
            sizes[path.name] = struct.unpack(">II", path.read_bytes()[16:24])
        self.assertEqual(sorted(sizes), ["tall-1280-dark.png", "tall-1280-light.png", "tall-390-dark.png", "tall-390-light.png"])
        self.assertEqual({w for w, _ in sizes.values()}, {WIDE, NARROW})
        self.assertGreater(min(h for _, h in sizes.values()), 3000)

    def test_keys_go_where_the_focus_is(self):
        self.page("<label>name <input></label>")
        self.press("\t")
        self.press("ab")
        self.assertEqual(self.js("return document.activeElement.value"), "ab")


if __name__ == "__main__":
    unittest.main()

"""
browser_test.py - what every test in a browser needs: a Chromium of its own, and what must be true of every page.

    class Page(BrowserTest, HeapdTest):        with a heapd, served pages: self.open("/")
    class File(BrowserTest, unittest.TestCase) without one: self.open(path.as_uri())

When a test ends, the page must have said nothing in anger on its console, and asked nobody but 127.0.0.1; a test that makes
requests fail says so with excuse(). Pictures go to $BROWSER_PICTURES (by default build/tests/browser/pictures/), to be looked at.
By hand: cd tests/browser; /usr/bin/python3 test_X.py -k name.
"""
import base64
import functools
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from heapd_test import HeapdTest, eventually  # noqa: E402, F401  (both for the tests)
from selenium.webdriver import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

from chromium import Chromium  # noqa: E402

PICTURES = Path(os.environ.get("BROWSER_PICTURES") or ROOT / "build/tests/browser/pictures")
AXE = ROOT / "build-npm/node_modules/axe-core/axe.min.js"
GRAVE = ("serious", "critical")
NPM_SECONDS = 240
WIDE, NARROW = 1280, 390
SCREENS = [(WIDE, "light"), (WIDE, "dark"), (NARROW, "light"), (NARROW, "dark")]
HEIGHT_MAX = 8000                                           # of a picture
RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
    r => done(r.violations.map(v => [v.impact, v.id, v.help, v.nodes.map(n => n.target.join(" ") + ": " + n.failureSummary)])),
    e => done([["critical", "axe-failed", String(e), []]]));
"""


@functools.cache
def axe_is_missing():
    """Why, after an attempt to install it; "" if it is there."""
    said = subprocess.run([ROOT / "tests/npm"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=NPM_SECONDS)
    if said.returncode == 0:
        return ""
    print(f"not looked at by axe-core: {said.stdout.strip()[-300:]}", file=sys.stderr)
    return said.stdout.strip()[-300:] or "tests/npm failed"


class BrowserTest:
    """For a TestCase to inherit first."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home = cls.enterClassContext(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        cls.browser = Chromium(cls.home)
        cls.addClassCleanup(cls.browser.end)
        cls.driver = cls.browser.driver

    def setUp(self):
        super().setUp()
        self.excused = []
        self.browser.look()
        self.browser.forget()
        self.addCleanup(self.leave)

    def leave(self):
        """The page goes away before its daemon does, and has kept the rules."""
        try:
            self.keeps_the_rules()
        finally:
            self.driver.get("about:blank")

    def keeps_the_rules(self):
        angry = [e for e in self.browser.errors() if not any(re.search(x, e) for x in self.excused)]
        self.assertEqual(angry, [], "the page said so on its console")
        self.assertEqual(self.browser.strangers(), [], "the page asked others than 127.0.0.1")

    def excuse(self, *patterns):
        """What the console may say in this test, for the test makes it."""
        self.excused += patterns

    # -- to look, and to do

    def open(self, address):
        """A path of the daemon, or a whole address."""
        whole = address if ":" in address else f"http://{self.daemon.host}:{self.daemon.port}{address}"
        self.driver.get(whole)

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def text(self, css="body"):
        """What is to be read there now, "" while there is no such element."""
        return self.js("const e = document.querySelector(arguments[0]); return e ? e.innerText : ''", css)

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    def press(self, *keys):
        """To whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        return self.driver.switch_to.active_element

    def reads(self, css, pattern, message=""):
        """There it reads so, soon."""
        self.assertTrue(eventually(lambda: re.search(pattern, self.text(css))), f"{message} {css}: {self.text(css)!r}")

    # -- what is asked of every page

    def no_sideways(self):
        """Nobody has to scroll sideways."""
        inside, width = self.js("const e = document.documentElement; return [Math.max(e.scrollWidth, document.body.scrollWidth), e.clientWidth]")
        self.assertLessEqual(inside, width, f"wider than its window of {width}: {self.js(WIDER)}")

    def accessible(self):
        """axe-core finds nothing grave; the rest is printed."""
        with self.subTest("axe-core"):
            self.install_axe()
            self.no_grave_violation()

    def no_grave_violation(self):
        if not self.js("return 'axe' in window"):
            self.js(AXE.read_text())
        found = self.driver.execute_async_script(RUN_AXE)
        for impact, rule, says, nodes in found:
            if impact not in GRAVE:
                print(f"{self.id()}: {impact}: {rule}: {says}: {nodes[:3]}", file=sys.stderr)
        self.assertEqual([f for f in found if f[0] in GRAVE], [])

    def install_axe(self):
        """Where there is no network, that is all that is skipped."""
        if why_not := axe_is_missing():
            self.skipTest(why_not)

    def picture(self, name):
        """All of the page as it is now."""
        size = self.browser.cdp("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], HEIGHT_MAX), "scale": 1}
        shot = self.browser.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        PICTURES.mkdir(parents=True, exist_ok=True)
        (PICTURES / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    def on_each_screen(self, name, look=None):
        """A picture on a wide and a narrow screen, light and dark; `look()` is called on each, nothing is wider than it."""
        for width, scheme in SCREENS:
            with self.subTest(width=width, scheme=scheme):
                self.browser.look(width, scheme=scheme, calm=True)
                if look:
                    look()
                self.picture(f"{name}-{width}-{scheme}")
                self.no_sideways()


WIDER = """
const width = document.documentElement.clientWidth;
return [...document.querySelectorAll("body *")].map(e => [e, e.getBoundingClientRect().left + Math.max(e.scrollWidth, e.offsetWidth)])
    .filter(([e, right]) => right > width + 0.5).slice(0, 8).map(([e, right]) => `${e.tagName}#${e.id}.${e.className} ${Math.round(right)}`);
"""

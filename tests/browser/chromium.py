"""
chromium.py - one headless Chromium, and the driver that steers it: Debian's chromium, chromium-driver and python3-selenium.

It lives in a folder of its own and talks to loopback alone: names of hosts are not resolved, and what it does in the
background is turned off. Every command is bounded by WAIT seconds, and in the end the driver's process group is ended, so
that nothing outlives a test, whatever became of the page. It keeps what the page said on its console and what it asked for.
"""
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from selenium.webdriver import ChromeOptions, Remote
from selenium.webdriver.chromium.remote_connection import ChromiumRemoteConnection

from heapd_test import WAIT

BINARY = next((p for p in ("/usr/lib/chromium/chromium", "/usr/bin/chromium") if Path(p).exists()), "chromium")
SWITCHES = [
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--mute-audio",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--no-proxy-server", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions", "--disable-breakpad",
    "--disable-crash-reporter", "--disable-domain-reliability", "--no-first-run", "--no-default-browser-check", "--no-pings",
    "--force-device-scale-factor=1", "--font-render-hinting=none", "--lang=en-US",
]
WITHIN = ("data", "blob", "about", "chrome", "devtools")    # schemes of addresses that lead to no host
REQUESTS_MAX = 100_000


class Chromium:
    def __init__(self, folder):
        """`folder` is empty and lives longer than this."""
        self.driver, self.said, self.asked = None, [], []  # on the console; addresses the page asked for
        self.log = open(Path(folder) / "chromedriver.log", "wb+")
        here = {"HOME": folder, "TMPDIR": folder, "XDG_CONFIG_HOME": folder, "XDG_CACHE_HOME": folder}
        self.process = subprocess.Popen(["chromedriver", "--port=0"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env={"PATH": os.environ["PATH"], **here}, start_new_session=True)
        try:
            ChromiumRemoteConnection.set_timeout(2 * WAIT)
            self.driver = Remote(ChromiumRemoteConnection(f"http://127.0.0.1:{self._port()}", "goog", "chrome", ignore_proxy=True),
                                 options=self._options())
            self.driver.set_page_load_timeout(WAIT)
            self.driver.set_script_timeout(WAIT)
        except BaseException:
            self.end()
            raise

    def _port(self):
        end = time.monotonic() + WAIT
        while time.monotonic() < end and self.process.poll() is None:
            if m := re.search(r"started successfully on port (\d+)", self.words()):
                return int(m[1])
            time.sleep(0.02)
        raise AssertionError(f"chromedriver did not start: {self.words()[-2000:]}")

    @staticmethod
    def _options():
        options = ChromeOptions()
        options.binary_location = BINARY
        for switch in SWITCHES:
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        options.set_capability("unhandledPromptBehavior", "ignore")
        return options

    def words(self):
        """The driver's log."""
        with open(self.log.name, "rb") as f:
            return f.read().decode("utf-8", "replace")

    def end(self):
        """Ends the browser, then whatever is left of what the driver started; that is in a group of its own."""
        try:
            if self.driver:
                self.driver.quit()
        except Exception as e:                              # of selenium, or of the connection below it: killed all the same
            print(f"the browser did not end by itself: {e!r}", file=sys.stderr)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(WAIT)
        self.log.close()

    # -- what the screen is like

    def cdp(self, command, **params):
        """A command of Chrome's own protocol."""
        return self.driver.execute("executeCdpCommand", {"cmd": command, "params": params})["value"]

    def look(self, width=1280, height=800, scheme="light", calm=False):
        """The page as on such a screen, by somebody who prefers this scheme, and no movement if `calm`."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"}])

    # -- what it has done

    def listen(self):
        """Takes what has been logged since the last time."""
        self.said += self.driver.get_log("browser")
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
            elif message["method"] == "Network.webSocketCreated":
                self.asked.append(message["params"]["url"])
        assert len(self.asked) < REQUESTS_MAX, "the page does nothing but ask"

    def forget(self):
        self.listen()
        self.said, self.asked = [], []

    def errors(self):
        """What was said in anger: uncaught errors, refusals by its policy, requests that failed, console.error."""
        self.listen()
        return [e["message"] for e in self.said if e["level"] == "SEVERE"]

    def strangers(self):
        """Addresses elsewhere that it asked for."""
        self.listen()
        places = [(url, urlsplit(url)) for url in self.asked]
        return [url for url, place in places
                if place.scheme not in WITHIN and place.hostname != "127.0.0.1" and not (place.scheme == "file" and not place.netloc)]

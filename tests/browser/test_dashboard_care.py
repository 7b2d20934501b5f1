"""test_dashboard_care.py - what the page must not do: accuse a heap that is well, act more often than somebody pressed, lose what
somebody is at, show for ever what is no more, or drown in what happens."""
import json
import time
import unittest

from browser_test import eventually
from dashboard_test import REFUSED, DashboardTest
from selenium.webdriver.common.keys import Keys

# A heap for 300 s: `floors` says what each full collection leaves, at which second; live bytes rise by 1,000 a second in between.
FLOOR_LINE = """
const [floors, done] = arguments;
import("/assets/series.js").then(({ Ring, floorLine }) => {
  const ring = new Ring(400, ["live", "fulls"]);
  let live = 1e6, fulls = 0;
  for (let s = 0; s < 300; s++) {
    live += 1000;
    if (floors[s] !== undefined) { live = floors[s]; fulls++; }
    ring.push({ t: 1000 * s, live, fulls });
  }
  done(floorLine(ring, 0, "live"));
});
"""
HELD_KEY = """
for (let i = 0; i < arguments[0]; i++)
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "g", repeat: true, bubbles: true, cancelable: true }));
"""
SEND_TO_ANOTHER = """
const [path, done] = arguments;
import("/assets/wire.js").then(({ send }) => send({ method: "DELETE", path, instance: "another" })).then(() => done("done"), (error) => done(error.name));
"""
FLOOD = 500


class Floor(DashboardTest):
    """Of a floor is spoken only as far as full collections have shown it."""

    def line(self, floors):
        return self.driver.execute_async_script(FLOOR_LINE, floors)

    def test_it_rises_only_where_full_collections_leave_more(self):
        self.enter()
        noise = [0, 700, 300, 900, 100, 500, 800, 200, 600, 400]
        every = range(10, 300, 15)
        level = {s: 1_000_000 + noise[i % len(noise)] for i, s in enumerate(every)}
        leak = {s: floor + 5000 * i for i, (s, floor) in enumerate(level.items())}
        self.assertIsNone(self.line({}))
        self.assertIsNone(self.line({5: 1_000_000, 10: 1_000_100}))
        few = self.line({5: 1_000_000, 10: 1_500_000, 15: 2_000_000})
        self.assertFalse(few["canTell"] or few["isRise"], few)
        said = self.line(level)
        self.assertTrue(said["canTell"] and not said["isRise"], said)
        said = self.line(leak)
        self.assertTrue(said["isRise"], said)
        self.assertAlmostEqual(said["perHour"], 5000 / 15 * 3600, delta=5000 / 15 * 360)
        self.assertEqual(said["count"], len(leak))


class Hands(DashboardTest):
    def test_a_key_that_is_held_down_collects_once(self):
        self.enter()
        self.js(HELD_KEY, 20)
        self.press("g")
        self.js(HELD_KEY, 20)
        self.assertTrue(eventually(lambda: self.gc()["generations"][2]["collections"] == 1))
        self.reads("#gc-result", "Generation 2")
        self.assertEqual(self.gc()["generations"][2]["collections"], 1)

    def test_a_field_that_was_typed_in_and_put_back_goes_on_showing_what_is(self):
        self.enter()
        self.assertTrue(eventually(lambda: self.by_id("threshold-0").get_attribute("value") == "2000"))
        self.by_id("threshold-0").send_keys("5", Keys.BACKSPACE)
        self.js("document.activeElement.blur()")               # not by a key: the slider beside it would hear that
        self.gc(thresholds=[1234])
        self.assertTrue(eventually(lambda: self.by_id("threshold-0").get_attribute("value") == "1234"))

    def test_what_is_cut_names_the_instance_that_it_was_seen_in(self):
        leaf = self.new({}, kind="Leaf", root="held")
        self.enter()
        self.excuse(REFUSED + "12")
        self.inspect(leaf)
        self.assertIn(f"If-Heapd-Instance: {self.text('#instance')}", self.cut("root", yes=False))
        self.assertEqual(self.driver.execute_async_script(SEND_TO_ANOTHER, "/v1/roots/held"), "other-instance")
        self.assertEqual(self.ok(self.c.get("/v1/roots/held")), {"$ref": leaf})

    def test_who_is_in_a_row_stays_there_when_another_goes(self):
        first, second = (self.ok(self.c.post("/v1/sessions", {"ttl": 600, "label": name}), 201) for name in ("first", "second"))
        for _ in range(3):                                     # who holds most stands first
            self.ok(self.c.post("/v1/objects", {"fields": {}}, {"Heapd-Session": first["token"]}), 201)
        self.ok(self.c.post("/v1/objects", {"fields": {}}, {"Heapd-Session": second["token"]}), 201)
        self.enter("tab=suspects")
        end = f'#sessions-table [data-session="{second["id"]}"] .danger'
        self.assertTrue(eventually(lambda: self.all(end)))
        self.js("document.querySelector(arguments[0]).focus()", end)
        self.ok(self.c.delete(f"/v1/sessions/{first['id']}"))
        self.assertTrue(eventually(lambda: not self.all(f'#sessions-table [data-session="{first["id"]}"]')))
        self.assertTrue(self.js("return document.activeElement === document.querySelector(arguments[0])", end))


class Flood(DashboardTest):
    def die(self, count):
        """So many weakly named objects at once: a batch lets go of all it has made."""
        ops = [op for i in range(count) for op in (["new", "N", {}], ["weak", f"w{i}", f"@{2 * i}"])]
        self.ok(self.c.post("/v1/batch?reply=summary", "".join(json.dumps(op) + "\n" for op in ops)))

    def test_of_what_is_too_much_it_is_told_how_much(self):
        self.enter("tab=suspects")
        self.assertTrue(eventually(lambda: self.die(1) or "has died" in self.text("#events-feed")))  # it listens
        time.sleep(1.1)
        self.die(FLOOD)
        time.sleep(1.1)
        self.die(1)
        self.reads("#events-feed", r"and \d+ more in that second")
        self.shows("now-objects", 0)


if __name__ == "__main__":
    unittest.main()

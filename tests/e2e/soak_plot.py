"""
soak_plot.py - a soak as an SVG: above what the process takes, below what lives in its heap, over time and through its phases.

It is drawn for a page of either scheme: what is black in a light one is white in a dark one. By hand: soak_plot.py soak.json >soak.svg
"""
import json
import math
import sys
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 880, 66, 16
TOP, UPPER, GAP, LOWER, FOOT = 52, 170, 34, 150, 30
POINTS_MAX, BANDS_MAX = 600, 160
STYLE = """
text {font: 12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #59636f} .title {font-size: 15px; font-weight: 600; fill: #1a1f25}
.grid {stroke: #e3e0d8} .phase {fill: #c2620a; opacity: .09} .line {fill: none; stroke-width: 1.6; stroke-linejoin: round}
.band {stroke-width: 1; stroke-linejoin: round; fill-opacity: .28}
.rss {stroke: #69737f} .committed {stroke: #2b66d0} .live {stroke: #0b8367; fill: #0b8367} .floor {fill: #c2620a} .well {stroke: #13733f; stroke-width: 2}
.broken {stroke: #b3261e; stroke-width: 4} text.rss {fill: #69737f; stroke: none} text.committed {fill: #2b66d0; stroke: none}
text.live {fill: #0b8367; stroke: none} text.floor {fill: #c2620a} text.well {fill: #13733f; stroke: none}
@media (prefers-color-scheme: dark) {
text {fill: #9aa5b1} .title {fill: #e9ebee} .grid {stroke: #2f3740} .phase {fill: #ffab57; opacity: .13} .rss {stroke: #a3aebb}
.committed {stroke: #7fabff} .live {stroke: #3ccba4; fill: #3ccba4} .floor {fill: #ffab57} .well {stroke: #5fd394} .broken {stroke: #ff8e85}
text.rss {fill: #a3aebb} text.committed {fill: #7fabff} text.live {fill: #3ccba4} text.floor {fill: #ffab57} text.well {fill: #5fd394}}
"""


class Panel:
    """Values from 0 to `most` between two heights, times from 0 to `lasts`."""

    def __init__(self, top, height, lasts, values):
        self.top, self.height, self.lasts = top, height, max(lasts, 1)
        self.most = max([v for v in values if v is not None], default=1) * 1.08 or 1

    def x(self, t):
        return round(LEFT + (WIDTH - LEFT - RIGHT) * t / self.lasts, 1)

    def y(self, value):
        return round(self.top + self.height * (1 - value / self.most), 1)

    def grid(self):
        step = 2 ** math.ceil(math.log2(self.most / 4))
        for i in range(int(self.most / step) + 1):
            yield f'<path class="grid" d="M{LEFT} {self.y(i * step)}H{WIDTH - RIGHT}"/>'
            yield text(LEFT - 8, self.y(i * step) + 4, size(i * step), anchor="end")

    def line(self, name, samples):
        step = max(1, len(samples) // POINTS_MAX)
        points = " ".join(f"{self.x(s['t_s'])},{self.y(max(r[name] for r in samples[i:i + step]))}" for i, s in list(enumerate(samples))[::step])
        return f'<polyline class="line {name}" points="{points}"/>'

    def band(self, name, samples):
        """From the least to the most of each stretch: what swings faster than a line can show."""
        stretches = [samples[i:i + len(samples) // BANDS_MAX + 1] for i in range(0, len(samples), len(samples) // BANDS_MAX + 1)]
        edge = lambda pick: [f"{self.x(s[0]['t_s'])},{self.y(pick(r[name] for r in s))}" for s in stretches]
        return f'<polygon class="band {name}" points="{" ".join(edge(max) + edge(min)[::-1])}"/>'


def text(x, y, words, css="", anchor="start"):
    return f'<text x="{x}" y="{y}" class="{css}" text-anchor="{anchor}">{escape(words)}</text>'


def size(x):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if x < 1024 or unit == "GiB":
            return f"{x:.4g} {unit}" if x else "0"
        x /= 1024


def clock(t, lasts):
    return f"{t / 60:.0f} min" if lasts >= 300 else f"{t:.0f} s"


def times(panel):
    step = next((s for s in (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200) if panel.lasts / s <= 9), 14400)
    for i in range(int(panel.lasts / step) + 1):
        yield text(panel.x(i * step), panel.top + panel.height + 18, clock(i * step, panel.lasts), anchor="middle")


def phases(said, panel, bottom):
    """Shaded where something leaks on purpose."""
    for i, p in enumerate(said["phases"]):
        x, end = panel.x(p["from_s"]), panel.x(p["to_s"])
        if p["leak"]:
            yield f'<rect class="phase" x="{x}" y="{panel.top}" width="{round(end - x, 1)}" height="{bottom - panel.top}"><title>{escape(p["name"])}</title></rect>'
            yield text((x + end) / 2, panel.top + panel.height + GAP / 2 + 4, str(sum(bool(q["leak"]) for q in said["phases"][:i + 1])), "floor", "middle")


def headline(said):
    done, holds = sum(p["ops"].get("done", 0) for p in said["phases"]), sum(c["holds"] for c in said["claims"])
    minutes = said["samples"][-1]["t_s"] / 60 if said["samples"] else 0
    return f"{minutes:.0f} minutes, {done:,} requests: {holds} of {len(said['claims'])} claims hold"


def key(said):
    leaks = [p["name"] for p in said["phases"] if p["leak"]]
    return "leaks made on purpose: " + ", ".join(f"{i} {name}" for i, name in enumerate(leaks, 1)) if leaks else ""


def draw(said):
    samples, lasts = said["samples"], max([s["t_s"] for s in said["samples"]] + [p["to_s"] for p in said["phases"]], default=1)
    floors = [(p["from_s"] + t, live) for p in said["phases"] for t, live in zip(p["floor"].get("t_s", []), p["floor"].get("live", []))]
    upper = Panel(TOP, UPPER, lasts, [s["rss"] for s in samples])
    lower = Panel(TOP + UPPER + GAP, LOWER, lasts, [s["live"] for s in samples] + [live for _, live in floors])
    bottom = lower.top + lower.height
    parts = [text(LEFT, 20, headline(said), "title"), text(LEFT, 40, "RSS", "rss"), text(LEFT + 40, 40, "committed", "committed"),
             text(LEFT + 118, 40, "live", "live"), text(LEFT + 154, 40, "what full collections left of it", "floor"), text(LEFT + 346, 40, "recounted, and well", "well")]
    parts += [*phases(said, upper, bottom), *upper.grid(), *lower.grid(), *times(lower), text(LEFT, bottom + 36, key(said), "floor")]
    if samples:
        parts += [upper.line("rss", samples), upper.line("committed", samples), lower.band("live", samples)]
    parts += [f'<circle class="floor" cx="{lower.x(t)}" cy="{lower.y(live)}" r="2"/>' for t, live in floors]
    parts += [f'<path class="{"broken" if v["broken"] else "well"}" d="M{upper.x(v["t_s"])} {upper.top + UPPER}v-6"/>' for v in said["validated"]]
    height = bottom + FOOT + 16
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
            f'aria-label="{escape(headline(said))}">\n<style>{STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n")


if __name__ == "__main__":
    with open(sys.argv[1]) as f:
        print(draw(json.load(f)), end="")

"""
soak_judge.py - what a soak has shown: each claim, whether it holds, and the numbers it was judged by.

Knows nothing of processes and sockets: it reads what soak.py wrote down, and may be asked again later.
"""
import math
from collections import namedtuple
from statistics import NormalDist, median

MIB = 1 << 20
CONFIDENCE = 0.95
POINTS_MAX = 60                 # of a trend: each the median of a stretch of samples
WARM_UP_PART = 1 / 3
GAIN_BYTES = MIB                # that may surely have been gained after the warm-up; where that is short it goes on meanwhile:
SHORT_GAIN_BYTES = 16 * MIB     # the store fills its cache of 8 MiB in the first half minute
LONG_S = 600                    # of a phase: then it must be able to tell
FDS_SLACK = 4
LATE = "not answered by the end"        # as heapctl load says it
ENDED, ENDED_PART_MAX = "session-ended", 1 / 1000   # leases of session-expiry are 2 s: a machine that stands still for as long ends some
DEFAULT_SESSION = 1             # of the sessions that are left: it never ends

Trend = namedtuple("Trend", "slope low high")
Claim = namedtuple("Claim", "name holds says")


def thinned(xs, ys):
    """At most POINTS_MAX points, so that a spike is no more than one of many."""
    step = max(1, math.ceil(len(xs) / POINTS_MAX))
    spans = [slice(i, i + step) for i in range(0, len(xs), step)]
    return [median(xs[s]) for s in spans], [median(ys[s]) for s in spans]


def trend(xs, ys):
    """Theil's slope, and the interval that Kendall's count gives (Sen 1968); None of fewer than four points.

    Neighbours lean on each other, so the interval is widened by how much they do (the lag-1 correlation r of what is left when
    the slope is taken off: n points say as much as n (1 - r) / (1 + r) free ones)."""
    xs, ys = thinned(xs, ys)
    n = len(xs)
    slopes = sorted((ys[j] - ys[i]) / (xs[j] - xs[i]) for i in range(n) for j in range(i + 1, n) if xs[j] > xs[i])
    if n < 4 or not slopes:
        return None
    slope = median(slopes)
    left = [y - slope * x for x, y in zip(xs, ys)]
    middle = sum(left) / n
    spread = sum((y - middle) ** 2 for y in left)
    r = sum((a - middle) * (b - middle) for a, b in zip(left, left[1:])) / spread if spread > 0 else 0
    leaning = (1 + max(0, min(r, 0.95))) / (1 - max(0, min(r, 0.95)))
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(n * (n - 1) * (2 * n + 5) / 18 * leaning)
    at = lambda rank: slopes[max(0, min(len(slopes) - 1, round(rank)))]
    return Trend(slope, at((len(slopes) - reach) / 2), at((len(slopes) + reach) / 2))


def size(x):
    """As people read it, with its sign if it has one."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(x) < 1024 or unit == "GiB":
            return f"{x:.0f} {unit}" if unit == "B" else f"{x:.1f} {unit}"
        x /= 1024


# ---- the claims ----

def column(samples, name, phase, part=0.0):
    """Times and values of a phase, without its first part."""
    begin = phase["from_s"] + part * (phase["to_s"] - phase["from_s"])
    rows = [(s["t_s"], s[name]) for s in samples if begin <= s["t_s"] <= phase["to_s"] and s.get(name) is not None]
    return [t for t, _ in rows], [v for _, v in rows]


def judge_clean(phase):
    """No leak; where the time was too short for a verdict, that it is no false alarm is all that is claimed."""
    leak, long = phase["verdict"].get("leak", True), phase["to_s"] - phase["from_s"] >= LONG_S
    return Claim(f"{phase['name']}: {'no leak' if long else 'no false alarm'}", leak is False or (leak is None and not long),
                 phase["verdict"].get("sentence", "no verdict"))


def judge_leak(phase):
    """It is found, and the site that is named is the one where the leak was made."""
    v, site = phase["verdict"], f"load/{phase['leak']}"
    return Claim(f"{phase['name']}: found and named", v.get("leak") is True and v.get("site") == site, v.get("sentence", "no verdict"))


def judge_memory(samples, phase, name, what):
    t, y = column(samples, name, phase, WARM_UP_PART)
    found = trend(t, y)
    if found is None:
        return Claim(f"{what} stays", False, f"only {len(t)} samples")
    lasts = t[-1] - t[0]
    limit = GAIN_BYTES if lasts >= LONG_S else SHORT_GAIN_BYTES
    hour = lambda slope: f"{'+' if slope > 0 else ''}{size(slope * 3600)}"
    return Claim(f"{what} stays", found.low * lasts <= limit,
                 f"{hour(found.slope)} an hour (95 % sure: {hour(found.low)} to {hour(found.high)}), median {size(median(y))}; it must not surely "
                 f"gain {size(limit)} in {lasts:.0f} s")


def judge_validated(validated):
    broken = [v for v in validated if v["broken"] != []]
    return Claim("every recount agrees", bool(validated) and not broken,
                 f"{len(validated)} times, {sum(v.get('objects', 0) for v in validated)} objects in all" if not broken else str(broken[:2]))


def judge_answers(phases):
    """And well. What still waited when a load's time was over is a slow machine's, and a few leases that were over too early."""
    failures = [f for p in phases for f in p["ops"].get("failures", [])]
    late, ended = ([f for f in failures if f[key] == value] for key, value in (("detail", LATE), ("type", ENDED)))
    failed = [f for f in failures if f not in late and f not in ended]
    done, shed = (sum(p["ops"].get(k, 0) for p in phases) for k in ("done", "shed"))
    count = lambda some: sum(f["count"] for f in some)
    return Claim("every request is answered, and well", done > 0 and not failed and count(ended) <= done * ENDED_PART_MAX,
                 f"{done} done, {count(late) + shed} were too late to be sent or waited for, {count(ended)} found their lease of 2 s over, failed: {failed[:3] or 'none'}")


def judge_rest(said):
    """When all is let go nothing is left."""
    left = said.get("left") or {}
    return Claim("nothing is left in the end", left.get("objects") == 0 and left.get("sessions") == DEFAULT_SESSION, f"{left}")


def judge_fds(samples):
    """Before anybody came and when all have gone."""
    first, last = (samples[i]["fds"] for i in (0, -1)) if samples else (0, FDS_SLACK + 1)
    return Claim("files and sockets are closed", last <= first + FDS_SLACK, f"{first} open at first, {last} in the end")


def judge(said):
    """All claims about a soak."""
    phases, samples = said["phases"], said["samples"]
    clean = next((p for p in phases if p["name"] == "clean"), None)
    claims = [judge_leak(p) if p["leak"] else judge_clean(p) for p in phases]
    claims.append(Claim("all was done", said["error"] is None and [p["name"] for p in phases] == said["planned"], said["error"] or f"{len(phases)} phases"))
    if clean:
        tried = {**clean, "from_s": clean["first_s"]}
        claims += [judge_memory(samples, tried, "rss", "RSS"), judge_memory(samples, tried, "accounted", "what heapd counts")]
        claims.append(Claim("heapd suspects nothing in the clean mix", said["suspects"] == [], f"{said['suspects']}"))
    claims += [judge_fds(samples), judge_validated(said["validated"]), judge_answers(phases), judge_rest(said)]
    claims.append(Claim("heapd ends well, and its store is well", said["exit"] == 0 and said["check"] == 0, f"status {said['exit']}; --check {said['check']}: {said['checked']}"))
    return claims

"""
table.py - what was measured, as a table or as JSON, and where it was measured.
"""
import json
import os
import platform
import sys
import textwrap


def verdict(row):
    if row.met is None:
        return ""
    return "MISSED" if not row.met else "met, aim too" if row.aimed else "met"


def cells(row):
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return row.what, row.ours, row.theirs, ratio, row.bar, verdict(row)


def print_table(rows, columns):
    lines = [columns] + [cells(r) for r in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    for row, line in zip([None] + rows, lines):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
        strong = row is None or row.met is not None
        print(f"{bold}{text}{plain}" if strong else text)
    print()
    for row in rows:
        if row.note:
            print(textwrap.fill(f"{row.what.strip()}: {row.note}.", 110, initial_indent="- ", subsequent_indent="  "))


def print_markdown(rows):
    """As README.md shows it."""
    print("| | heapd | beside it | ratio |\n|---|---|---|---|")
    for row in rows:
        what, ours, theirs, ratio, _, verdict_said = cells(row)
        print(f"| {what.strip()} | {ours} | {theirs} | {ratio}{', ' + row.bar + ': missed' if verdict_said == 'MISSED' else ''} |")


def print_json(rows, machine, seconds):
    said = [{"what": r.what.strip(), "heapd": r.ours, "beside": r.theirs, "ratio": r.ratio, "bar": r.bar or None,
             "met": r.met, "aimed": r.aimed, "note": r.note or None, "measured": r.measured} for r in rows]
    json.dump({"machine": machine, "seconds": round(seconds, 1), "rows": said}, sys.stdout, indent=1)
    print()


def machine():
    model = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return {"cpu": model[0] if model else platform.machine(), "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(), "load": os.getloadavg()[0]}


def headline(machine, seconds, quick):
    return (f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']:.1f} when it began, {seconds:.0f} s"
            + (", quick: too short to judge by" if quick else ""))


def progress(text):
    """One line that the next replaces, on a terminal; elsewhere a line of its own."""
    end, start = ("", "\r\033[K") if sys.stderr.isatty() else ("\n", "")
    print(f"{start}measuring {text} ..." if text else start, file=sys.stderr, end=end, flush=True)

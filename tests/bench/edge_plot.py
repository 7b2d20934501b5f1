"""
edge_plot.py - the ratios of a run as an SVG: how many times the peer heapd is, and where the bar stands.
"""
import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

MET, MISSED, BAR = "#2a7f62", "#b5452c", "#222222"


def bar_of(row):
    """ "at least 1.6" is 1.6; other kinds of bars are not drawn."""
    words = row.bar.split()
    return float(words[2]) if words[:2] == ["at", "least"] else None


def draw(rows, host, path):
    rows = [row for row in rows if row.ratio is not None and bar_of(row) is not None][::-1]
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "heapd", "font.family": "sans-serif", "font.size": 9})
    figure, axes = plt.subplots(figsize=(9, 0.7 + 0.5 * len(rows)), layout="constrained")
    for y, row in enumerate(rows):
        axes.barh(y, row.ratio, height=0.55, color=MET if row.met else MISSED)
        axes.plot([bar_of(row)] * 2, [y - 0.4, y + 0.4], color=BAR, linewidth=2)
        axes.text(row.ratio, y, f" {row.ratio:.2f}", va="center")
    axes.set_yticks(range(len(rows)), [f"{row.what.strip()}\n{row.ours}; {row.theirs}" for row in rows], fontsize=8)
    axes.set_xlim(0, max(row.ratio for row in rows) * 1.1)
    axes.set_xlabel(f"times the peer; the line is the bar ({host['cpu']}, {host['cores']} cores)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})

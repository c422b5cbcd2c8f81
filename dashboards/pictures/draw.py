#!/usr/bin/env python3
"""Draws dashboards from what their panels were answered.

    draw.py RESULTS FOLDER

RESULTS is written by `glasshouse check dashboards --results RESULTS`; FOLDER gets
one PNG for each dashboard. This is not Grafana: it shows the same answers in the
same places, and says at its foot who drew it.
"""

import json
import math
import sys
import textwrap
from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates as dates
import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator
from PIL import Image

PAGE, CARD, EDGE = "#0e1116", "#171b22", "#262c36"
INK, DIM, FAINT = "#e6e9ef", "#98a2b3", "#2b313c"
COLOURS = [
    "#5ab0f6", "#7fd17a", "#f2b84b", "#e5737d", "#b18cf0", "#4fd1c5", "#f08fc0",
    "#c0ca5a", "#ff9f68", "#8fa3bf", "#6ee7b7", "#d6b4fc",
]
NAMED = {"green": "#56b870", "orange": "#f2a33a", "red": "#e5534b", "yellow": "#f2cc0c"}
WIDTH, ROW, GAP, HEAD, FOOT, DPI = 1440, 27, 8, 84, 34, 100
SHOWN = 6


def main(results, folder):
    seen = json.loads(Path(results).read_text())
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    for dashboard in seen["dashboards"]:
        file = out / f"{dashboard['uid'].removeprefix('glasshouse-')}.png"
        file.write_bytes(small(page(dashboard, seen["seen_at"])))
        print(f"{file}  {file.stat().st_size // 1024} KB")


def small(figure):
    """As PNG with a palette: a third of the size, and nobody sees it."""
    raw = BytesIO()
    figure.savefig(raw, format="png", dpi=DPI, facecolor=PAGE)
    plt.close(figure)
    picture = Image.open(raw).convert("RGB").quantize(160, dither=Image.Dither.NONE)
    out = BytesIO()
    picture.save(out, format="png", optimize=True)
    return out.getvalue()


def page(dashboard, seen_at):
    panels = dashboard["panels"]
    rows = max(p["grid"]["y"] + p["grid"]["h"] for p in panels)
    height = HEAD + rows * ROW + FOOT
    figure = plt.figure(figsize=(WIDTH / DPI, height / DPI))
    text = lambda x, y, s, **k: figure.text(x / WIDTH, 1 - y / height, s, va="center", **k)
    text(20, 32, dashboard["title"], size=19, color=INK, weight="bold")
    text(20, 61, dashboard["description"], size=11.5, color=DIM)
    at = datetime.fromisoformat(seen_at).astimezone(timezone.utc)
    text(20, height - 17, f"Rendered by the checker (glasshouse check dashboards), not by Grafana, from what Prometheus, "
         f"Loki and Jaeger answered to these panels' queries · {at:%Y-%m-%d %H:%M} UTC", size=8.5, color=DIM)
    begins = earliest(panels)
    for panel in panels:
        grid = panel["grid"]
        unit = (WIDTH - 2 * 12) / 24
        x, y = 12 + grid["x"] * unit + GAP / 2, HEAD + grid["y"] * ROW + GAP / 2
        w, h = grid["w"] * unit - GAP, grid["h"] * ROW - GAP
        card(figure, panel, begins, x, y, w, h, height)
    return figure


def earliest(panels):
    """When the first numbers are: what is before the start of the system is left out.
    A constant, which is there for all times, has no labels."""
    times = [
        point[0]
        for panel in panels
        for answer in panel["answers"]
        for series in answer.get("series", [])
        for point in series["points"][:1]
        if series["labels"]
    ]
    return min(times, default=None)


def card(figure, panel, begins, x, y, w, h, height):
    """One panel, in pixels from the page's upper left corner."""
    figure.add_artist(FancyBboxPatch(
        (x / WIDTH, 1 - (y + h) / height), w / WIDTH, h / height,
        boxstyle="round,pad=0,rounding_size=0.004", mutation_aspect=WIDTH / height,
        facecolor=CARD, edgecolor=EDGE, linewidth=0.8, transform=figure.transFigure, zorder=-1,
    ))
    room = int(w / 7.1)
    figure.text((x + 12) / WIDTH, 1 - (y + 15) / height, textwrap.shorten(panel["title"], room, placeholder="…"),
                va="center", size=9.5, color=INK, weight="medium")
    place = lambda left, top, right, bottom: figure.add_axes((
        (x + left) / WIDTH, 1 - (y + h - bottom) / height, (w - left - right) / WIDTH, (h - top - bottom) / height))
    kind = panel["kind"]
    lines = [line for answer in panel["answers"] for line in answer.get("lines", [])]
    traces = [trace for answer in panel["answers"] for trace in answer.get("traces", [])]
    if lines:
        logs(bare(place(12, 30, 12, 8)), lines, h - 38, w - 24)
    elif traces:
        table(bare(place(12, 30, 12, 8)), traces, h - 38)
    elif kind == "stat":
        stat(bare(place(8, 30, 8, 8)), panel, w)
    elif kind == "bargauge":
        bars(bare(place(12, 32, 12, 10)), panel)
    else:
        graph(place, panel, begins, w)


def bare(axes):
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    return axes


def series_of(panel):
    """Each series: its name, unit and points that are numbers."""
    found = []
    for answer in panel["answers"]:
        for name, series in zip(answer["names"], answer.get("series", [])):
            points = [(t, v) for t, v in series["points"] if v is not None and math.isfinite(v)]
            if points:
                found.append((name or panel["title"], answer["unit"], points))
    return found


def graph(place, panel, begins, width):
    found = series_of(panel)
    # The liveliest first: they get the colours and the room in the legend.
    found.sort(key=lambda one: -sum(abs(v) for _, v in one[2]) / len(one[2]))
    if not found:
        bare(place(14, 36, 14, 20)).text(0.5, 0.5, "no data", color=DIM, size=9, ha="center", va="center")
        return
    axes = place(54, 36, 14, 60)
    axes.set_facecolor(CARD)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.grid(axis="y", color=FAINT, linewidth=0.7)
    axes.tick_params(colors=DIM, labelsize=7.5, length=0, pad=4)
    custom = panel["field"].get("custom", {})
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    unit = found[0][1]
    when = lambda points: [datetime.fromtimestamp(t, timezone.utc) for t, _ in points]
    if stacked:
        grid = sorted({t for _, _, points in found for t, _ in points})
        layers = [[dict(points).get(t, 0.0) for t in grid] for _, _, points in found]
        axes.stackplot([datetime.fromtimestamp(t, timezone.utc) for t in grid], layers,
                       colors=[COLOURS[i % len(COLOURS)] for i in range(len(found))], alpha=0.75, linewidth=0)
        top = max(map(sum, zip(*layers)))
    else:
        for i, (_, _, points) in enumerate(found):
            colour = COLOURS[i % len(COLOURS)]
            axes.plot(when(points), [v for _, v in points], color=colour, linewidth=1.25, solid_joinstyle="round")
            if len(found) <= 3:
                axes.fill_between(when(points), [v for _, v in points], color=colour, alpha=0.10, linewidth=0)
        top = max((v for _, _, points in found for _, v in points), default=1.0)
    bottom = min(v for _, _, points in found for _, v in points)
    if panel["field"].get("min") is not None:
        bottom = min(bottom, panel["field"]["min"])
    if panel["field"].get("max") is not None and top <= panel["field"]["max"] and top > panel["field"]["max"] / 3:
        top = panel["field"]["max"]
    top = top if top > bottom else bottom + 1
    axes.set_ylim(bottom, bottom + (top - bottom) * 1.08)
    for step in panel["field"].get("thresholds", {}).get("steps", [])[1:]:
        if step["value"] is not None and bottom < step["value"] <= top * 1.08:
            axes.axhline(step["value"], color=NAMED.get(step["color"], "#e5534b"), linewidth=0.9, linestyle=(0, (4, 3)))
    if begins:
        axes.set_xlim(datetime.fromtimestamp(begins, timezone.utc), max(when(p)[-1] for _, _, p in found))
    axes.xaxis.set_major_locator(dates.AutoDateLocator(minticks=2, maxticks=max(3, int(width / 130))))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M" if span(found, begins) > 300 else "%H:%M:%S"))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    if unit in ("bytes", "Bps"):
        # Even numbers of what bytes are counted in.
        whole = 2 ** (10 * int(math.log2(max(top / 2, 1)) / 10))
        step = max(1, 2 ** math.ceil(math.log2(max(top / whole / 5, 1)))) * whole
        axes.yaxis.set_major_locator(MultipleLocator(step))
    axis_unit = "" if unit.startswith("suffix:") else unit
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: said(v, axis_unit)))
    legend(bare(place(14, 0, 10, 6)), found, panel, width)


def span(found, begins):
    return max(points[-1][0] for _, _, points in found) - (begins or found[0][2][0][0])


def legend(axes, found, panel, width):
    """Two lines of names with their newest values, in pixels above the card's foot."""
    height = axes.get_window_extent().height
    x, y = 0.0, 26
    shown = 0
    for i, (name, unit, points) in enumerate(found):
        name = textwrap.shorten(name, 34, placeholder="…")
        label = f"{name}  {said(points[-1][1], unit)}"
        room = 22 + 6.1 * len(label)
        if x + room > width - 30:
            x, y = 0.0, y - 15
        if y < 8:
            break
        left = len(found) - shown
        if y < 20 and left > 1 and x + room > width - 90:
            axes.text(x / (width - 24), y / height, f"+ {left} more", size=7.2, color=DIM, va="center")
            break
        axes.plot([x / (width - 24), (x + 10) / (width - 24)], [y / height] * 2,
                  color=COLOURS[i % len(COLOURS)], linewidth=2.2, solid_capstyle="round")
        axes.text((x + 15) / (width - 24), y / height, label, size=7.2, color=DIM, va="center")
        x += room
        shown += 1


def colour_of(value, panel):
    colour = "green"
    for step in panel["field"].get("thresholds", {}).get("steps", []):
        if step["value"] is None or value >= step["value"]:
            colour = step["color"]
    return NAMED.get(colour, colour)


def stat(axes, panel, width):
    found = sorted(series_of(panel))
    columns = max(1, min(len(found), int(width / 118)))
    lines = math.ceil(len(found) / columns)
    for i, (name, unit, points) in enumerate(found):
        value = points[-1][1]
        x, y = (i % columns) / columns, 1 - (i // columns + 1) / lines
        axes.add_patch(FancyBboxPatch((x + 0.004, y + 0.03 / lines), 1 / columns - 0.008, (1 - 0.08) / lines,
                                      boxstyle="round,pad=0,rounding_size=0.01", facecolor=colour_of(value, panel),
                                      alpha=0.88, linewidth=0))
        only_name = panel["field"].get("unit") in (None, "", "short") and len(found) > 1
        label = name if only_name else f"{name}  {said(value, unit)}"
        axes.text(x + 0.5 / columns, y + 0.5 / lines, label, ha="center", va="center", size=8.4, color="#0d1117",
                  weight="bold")


def bars(axes, panel):
    found = sorted(series_of(panel))
    most = panel["field"].get("max") or max((points[-1][1] for _, _, points in found), default=1) or 1
    for i, (name, unit, points) in enumerate(found):
        value = points[-1][1]
        y = 1 - (i + 1) / len(found)
        h = 1 / len(found)
        axes.text(0, y + h * 0.72, name, size=8, color=DIM, va="center")
        axes.text(1, y + h * 0.72, said(value, unit), size=8.4, color=INK, va="center", ha="right", weight="bold")
        axes.barh(y + h * 0.28, 1, height=h * 0.26, color=FAINT)
        axes.barh(y + h * 0.28, max(0.0, min(1.0, value / most)), height=h * 0.26, color=colour_of(value, panel))


def logs(axes, lines, height, width):
    fits = int(height / 15)
    levels = {"WARNING": "#f2a33a", "ERROR": "#e5534b", "CRITICAL": "#e5534b", "DEBUG": "#6b7686"}
    for i, line in enumerate(lines[:fits]):
        y = 1 - (i + 0.5) / fits
        labels = line["labels"]
        at = datetime.fromtimestamp(line["time"], timezone.utc)
        level = labels.get("level", "INFO")
        axes.plot([0.001, 0.001], [y - 0.32 / fits, y + 0.32 / fits], color=levels.get(level, "#56b870"), linewidth=2.4)
        text = f"{at:%H:%M:%S}  {labels.get('service_name', ''):<13} {line['text']}"
        trace = labels.get("trace_id", "")
        axes.text(0.012, y, textwrap.shorten(text, int(width / 6.6) - 10, placeholder="…") if len(text) > width / 6.6 else text,
                  size=7.4, color=INK, va="center", family="monospace")
        axes.text(1, y, trace[:8], size=7, color="#5ab0f6", va="center", ha="right", family="monospace")


def table(axes, traces, height):
    fits = int(height / 17)
    slowest = max(trace["milliseconds"] for trace in traces) or 1
    for i, trace in enumerate(sorted(traces, key=lambda trace: -trace["start"])[:fits]):
        y = 1 - (i + 0.5) / fits
        at = datetime.fromtimestamp(trace["start"], timezone.utc)
        cells = ((0.0, f"{at:%H:%M:%S}", DIM), (0.10, trace["name"], INK), (0.50, f"{trace['spans']} spans", DIM),
                 (0.86, trace["id"][:8], "#5ab0f6"))
        for x, text, colour in cells:
            axes.text(x, y, text, size=7.6, color=colour, va="center")
        axes.barh(y, 0.13 * trace["milliseconds"] / slowest, left=0.62, height=0.36 / fits, color="#5ab0f6", alpha=0.8)
        axes.text(0.845, y, said(trace["milliseconds"] / 1e3, "s"), size=7.2, color=DIM, va="center", ha="right")


def said(value, unit):
    """A value as Grafana would say it."""
    if unit == "percentunit":
        return f"{value * 100:.3g}%"
    if unit == "s":
        for factor, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
            if abs(value) >= factor:
                return f"{value / factor:.3g} {name}"
        return "0 s" if value == 0 else f"{value / 1e-6:.2g} µs"
    if unit in ("bytes", "Bps"):
        rest = "/s" if unit == "Bps" else ""
        for factor, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
            if abs(value) >= factor:
                return f"{value / factor:.3g} {name}{rest}"
        return f"{value:.3g} B{rest}"
    after = {"reqps": " req/s", "ops": " /s"}.get(unit, unit.removeprefix("suffix:") if unit.startswith("suffix:") else "")
    if abs(value) >= 1000:
        return f"{value / 1000:.3g} K{after}"
    return f"{value:.3g}{after}"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])

"""Draws docs/dashboard.svg: `panels.py PROMETHEUS FROM TO` asks Prometheus the queries of each panel of
deploy/monitoring/dashboard.json, and draws the answers."""

import json
import re
import sys
from html import escape
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
PROMETHEUS, FROM, TO = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
WIDTH, HEIGHT, GAP, LEFT, TOP, PLOT = 305, 200, 10, 48, 30, 110
COLUMNS, MOST = 4, 6  # series in a legend
COLOURS = ["#0969da", "#bc4c00", "#1a7f37", "#8250df", "#bf3989", "#9a6700", "#57606a", "#a40e26"]
DARK = ["#58a6ff", "#f0883e", "#3fb950", "#bc8cff", "#f778ba", "#d29922", "#8b949e", "#ff7b72"]


def style():
    def rules(colours):
        return "".join(f"\n    .c{n} {{ stroke: {colour}; fill: {colour}; }}" for n, colour in enumerate(colours))
    return f"""
    .back {{ fill: #ffffff; stroke: #d0d7de; }}
    text {{ font: 10px sans-serif; fill: #424a53; }}
    .title {{ font: 600 12px sans-serif; fill: #1f2328; }}
    .row {{ font: 600 14px sans-serif; fill: #1f2328; }}
    .end {{ text-anchor: end; }}
    .grid {{ stroke: #d0d7de; }}{rules(COLOURS)}
    path.line {{ fill: none; stroke-width: 1.5; }}
    @media (prefers-color-scheme: dark) {{
    .back {{ fill: #0d1117; stroke: #30363d; }}
    text {{ fill: #c9d1d9; }}
    .title, .row {{ fill: #f0f6fc; }}
    .grid {{ stroke: #30363d; }}{rules(DARK)}
    path.line {{ fill: none; }}
    }}
"""


def ask(query):
    """Each series that the query finds: its labels and its points."""
    for variable, value in {"$job": "cloakroom", "$instance": ".+", "$__rate_interval": "5s"}.items():
        query = query.replace(variable, value)
    asked = urlencode({"query": query, "start": FROM, "end": TO, "step": 1})
    with urlopen(f"{PROMETHEUS}/api/v1/query_range?{asked}") as answer:
        found = json.load(answer)
    assert found["status"] == "success", found
    return [(one["metric"], [(float(at), float(value)) for at, value in one["values"] if value != "NaN"])
            for one in found["data"]["result"]]


def name(template, labels):
    for label, value in labels.items():
        template = template.replace("{{" + label + "}}", value)
    return re.sub(r"\{\{.*?\}\}", "", template).strip() or "all"


def short(value, unit):
    """The value as an axis shows it."""
    if unit == "percentunit":
        return f"{value * 100:.0f} %"
    if unit == "s":
        return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.2g} s"
    for size, letter in (1e9, "G"), (1e6, "M"), (1e3, "k"):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def round_up(number):
    if number <= 0:
        return 1
    step = 1.0
    while step > number:
        step /= 10
    while step * 10 <= number:
        step *= 10
    return next(step * factor for factor in (1, 2, 5, 10) if step * factor >= number)


def panel(x, y, one):
    unit = one["fieldConfig"]["defaults"]["unit"]
    series = [(name(target["legendFormat"], labels), points)
              for target in one["targets"] for labels, points in ask(target["expr"])]
    series = sorted(((label, points) for label, points in series if points), key=lambda one: one[0])
    top = round_up(max((value for _, points in series for _, value in points), default=1))
    parts = [f'<rect class="back" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
             f'<text class="title" x="{x + 10}" y="{y + 18}">{escape(one["title"])}</text>']
    left, bottom, width = x + LEFT, y + TOP + PLOT, WIDTH - LEFT - 12
    for half in 0, 1, 2:
        at = bottom - PLOT * half / 2
        parts += [f'<path class="grid" d="M{left} {at}h{width}"/>',
                  f'<text class="end" x="{left - 5}" y="{at + 3}">{short(top * half / 2, unit)}</text>']
    for number, (label, points) in enumerate(series):
        place = [f"{left + width * (at - FROM) / (TO - FROM):.1f} {bottom - PLOT * min(value / top, 1):.1f}" for at, value in points]
        parts.append(f'<path class="line c{number % len(COLOURS)}" d="M{" ".join(place)}"/>')
    for number, (label, _) in enumerate(series[:MOST]):
        across, down = x + 12 + (number % 2) * 145, bottom + 16 + 13 * (number // 2)
        more = f" (and {len(series) - MOST} more)" if number == MOST - 1 and len(series) > MOST else ""
        parts += [f'<circle class="c{number % len(COLOURS)}" cx="{across}" cy="{down - 3}" r="3"/>',
                  f'<text x="{across + 7}" y="{down}">{escape(label[:22] + more)}</text>']
    if not series:
        parts.append(f'<text x="{left + 10}" y="{bottom - PLOT / 2 - 5}">nothing</text>')
    return parts


def draw(panels):
    parts, column, y = [], 0, GAP
    for one in panels:
        if one["type"] == "row":
            if column:
                column, y = 0, y + HEIGHT + GAP
            parts.append(f'<text class="row" x="{GAP}" y="{y + 16}">{escape(one["title"])}</text>')
            y += 26
            continue
        parts += panel(GAP + column * (WIDTH + GAP), y, one)
        column += 1
        if column == COLUMNS:
            column, y = 0, y + HEIGHT + GAP
    if column:
        y += HEIGHT + GAP
    width = GAP + COLUMNS * (WIDTH + GAP)
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" role="img">')
    frame = f'<rect class="back" x="0.5" y="0.5" width="{width - 1}" height="{y - 1}"/>'
    body = "\n  ".join(["<title>The panels of the dashboard</title>", f"<style>{style()}  </style>", frame, *parts])
    (ROOT / "docs/dashboard.svg").write_text(f"{head}\n  {body}\n</svg>\n")


draw(json.loads((ROOT / "deploy/monitoring/dashboard.json").read_text())["panels"])

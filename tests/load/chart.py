"""Draws docs/growth-trail.svg of what `growth` writes, docs/growth-owners.svg of what `crowded` writes, and
docs/soak.svg of what `soak` writes: `chart.py FOLDER`, where their results are (target/load), of one registry
or both.
"""

import sys
from html import escape
from pathlib import Path

FOLDER, DOCS = Path(sys.argv[1]), Path(__file__).parents[2] / "docs"
REGISTRIES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
WIDTH, LEFT, TOP = 800, 70, 60
STYLE = """
    .back { fill: #ffffff; stroke: #d0d7de; }
    text { font: 12px sans-serif; fill: #424a53; }
    .title { font: 600 14px sans-serif; fill: #1f2328; }
    .middle { text-anchor: middle; }
    .end { text-anchor: end; }
    .grid { stroke: #d0d7de; }
    .limit { stroke: #a40e26; stroke-dasharray: 4 3; }
    .sqlite { fill: #0969da; stroke: #0969da; }
    .postgres { fill: #bc4c00; stroke: #bc4c00; }
    .line { fill: none; stroke-width: 2; }
    .cold { fill: none; stroke-width: 1.5; }
    @media (prefers-color-scheme: dark) {
      .back { fill: #0d1117; stroke: #30363d; }
      text { fill: #c9d1d9; }
      .title { fill: #f0f6fc; }
      .grid { stroke: #30363d; }
      .limit { stroke: #ff9492; }
      .sqlite { fill: #58a6ff; stroke: #58a6ff; }
      .postgres { fill: #f0883e; stroke: #f0883e; }
      .line, .cold { fill: none; }
    }
"""


def figures(script):
    """The fields of each line, by registry."""
    files = {registry: FOLDER / f"{script}-{registry}.tsv" for registry in REGISTRIES}
    return {registry: [line.split("\t") for line in file.read_text().splitlines()]
            for registry, file in files.items() if file.exists()}


def short(number):
    """1,000,000 as 1 M."""
    return f"{number // 1_000_000} M" if number >= 1_000_000 else f"{number:,}"


def round_up(number):
    """To what an axis may end with, in fifths."""
    step = 10 ** (len(str(int(number))) - 1)
    return next(top for top in (step, 2 * step, 5 * step, 10 * step) if top >= number)


def write(name, title, height, parts):
    frame = f'<rect class="back" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>'
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
            f'height="{height}" role="img">')
    body = "\n  ".join([f"<title>{escape(title)}</title>", f"<style>{STYLE}  </style>", frame, *parts])
    (DOCS / name).write_text(f"{head}\n  {body}\n</svg>\n")


def label(x, y, content, kind=""):
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{escape(content)}</text>'


def legend(x, y, registries, *further):
    """The registries by their colours, and further marks."""
    parts = []
    for registry, name in ((registry, REGISTRIES[registry]) for registry in registries):
        parts += [f'<circle class="{registry}" cx="{x}" cy="{y - 4}" r="4"/>', label(x + 9, y, name)]
        x += 100
    for mark, name in further:
        parts += [mark.format(x=x, y=y - 4), label(x + 9, y, name)]
        x += 170
    return parts


def scale(x, y, width, height, top, title):
    """A panel's title, and its vertical axis from 0 to top."""
    parts = [label(x - 50, y - 16, title, "title")]
    for fifth in range(6):
        at = y + height - height * fifth / 5
        parts += [f'<path class="grid" d="M{x} {at:.1f}H{x + width}"/>',
                  label(x - 6, at + 4, f"{top * fifth / 5:,.0f}", "end")]
    return parts


def bars(x, y, width, height, title, groups):
    """groups: (name, {registry: value})."""
    top = round_up(max(value for _, values in groups for value in values.values()))
    parts, slot = scale(x, y, width, height, top, title), width / len(groups)
    for number, (name, values) in enumerate(groups):
        for place, (registry, value) in enumerate(values.items()):
            at, tall = x + slot * number + slot / 2 - 34 + 36 * place, height * value / top
            parts += [f'<rect class="{registry}" x="{at:.0f}" y="{y + height - tall:.0f}" width="32" height="{tall:.0f}"/>',
                      label(at + 16, y + height - tall - 4, f"{value:,.0f}", "middle")]
        parts.append(label(x + slot * number + slot / 2, y + height + 18, name, "middle"))
    return parts


def lines(x, y, width, height, title, unit, series):
    """series: {registry: [(number, value)]}."""
    top = round_up(max(value for points in series.values() for _, value in points))
    last = max(number for points in series.values() for number, _ in points)
    parts = scale(x, y, width, height, top, title)
    for tick in range(6):
        at = x + width * tick / 5
        parts.append(label(at, y + height + 18, f"{last * tick / 5:,.0f}", "middle"))
    parts.append(label(x + width / 2, y + height + 36, unit, "middle"))
    for registry, points in series.items():
        path = " ".join(f"{x + width * number / last:.1f} {y + height - height * value / top:.1f}" for number, value in points)
        parts.append(f'<path class="{registry} line" d="M{path}"/>')
    return parts


def times(x, y, width, title, searches):
    """A line of dots for each search, on a logarithmic axis of 1 ms to 1 s."""
    from math import log10
    place = lambda time: x + width * log10(max(float(time), 1)) / 3
    names = [what for what, _, _ in next(iter(searches.values()))]
    bottom = y + 18 * len(names)
    parts = [label(20, y - 28, title, "title")]
    for time in 1, 10, 100, 1000:
        kind = "limit" if time == 100 else "grid"
        parts += [f'<path class="{kind}" d="M{place(time):.1f} {y - 6}V{bottom}"/>',
                  label(place(time), bottom + 16, f"{time:,} ms", "middle")]
    for registry, found in searches.items():
        for number, (_, warm, cold) in enumerate(found):
            at = y + 18 * number + 8 + (3 if registry == "postgres" else -3)
            parts += [f'<circle class="{registry}" cx="{place(warm):.1f}" cy="{at}" r="4"/>',
                      f'<circle class="{registry} cold" cx="{place(cold):.1f}" cy="{at}" r="4"/>']
    for number, what in enumerate(names):
        parts.append(label(x - 10, y + 18 * number + 12, what, "end"))
    return parts


def trail(everything):
    lengths = sorted({int(line[0]) for lines in everything.values() for line in lines})
    long = lengths[1:]

    def values(kind, place, length):
        found = {registry: [line for line in lines if line[:2] == [str(length), kind]] for registry, lines in everything.items()}
        return {registry: sum(float(line[place]) for line in lines) for registry, lines in found.items()}

    calls = [(short(length), values("calls", 2, length)) for length in lengths]
    sizes = [(short(length), values("size", 3, length)) for length in long]
    searches = {registry: [(line[2], *line[5:7]) for line in lines if line[:2] == [str(lengths[-1]), "search"]]
                for registry, lines in everything.items()}
    below = TOP + 190 + 100
    parts = bars(LEFT, TOP, 330, 190, "Calls a second, by the trail's rows", calls)
    parts += bars(LEFT + 460, TOP, 220, 190, "Bytes a row with indexes", sizes)
    parts += times(260, below, 480, f"cloakroom audit, {short(lengths[-1])} rows", searches)
    height = below + 18 * len(next(iter(searches.values()))) + 60
    cold = '<circle class="sqlite cold" cx="{x}" cy="{y}" r="4"/>'
    parts += legend(LEFT, height - 18, everything, (cold, "not in the page cache"))
    write("growth-trail.svg", "Calls, size and searches by the length of the audit trail", height, parts)


def owners(everything):
    first = {}
    for registry, lines_ in everything.items():
        points = [(int(line[1]), float(line[2])) for line in lines_ if line[0] == "first"]
        first[registry] = points[:-1]  # the last ones are among the million
    steady = {}
    for registry, lines_ in everything.items():
        for line in lines_:
            if line[0] == "steady":
                steady.setdefault(int(line[1]), {})[registry] = float(line[2])
    parts = lines(LEFT, TOP, 310, 190, "First calls a second", "owners with a bucket", first)
    parts += bars(LEFT + 440, TOP, 240, 190, "Calls a second, by owners",
                  [(short(number), values) for number, values in sorted(steady.items())])
    parts += legend(LEFT, TOP + 275, everything)
    write("growth-owners.svg", "First calls by the number of owners, and steady calls by registered owners", TOP + 295, parts)


def soak(everything):
    panels = [("Memory, MB", 1, 1e6), ("Open descriptors", 2, 1), ("Threads", 3, 1), ("Tasks", 4, 1), ("Database, MB", 5, 1e6)]
    parts = []
    for number, (title, place, unit) in enumerate(panels):
        x, y = LEFT + 390 * (number % 2), TOP + 220 * (number // 2)
        series = {registry: [(float(line[0]) / 60, float(line[place]) / unit) for line in lines_]
                  for registry, lines_ in everything.items()}
        parts += lines(x, y, 310, 130, title, "minutes", series)
    height = TOP + 220 * ((len(panels) + 1) // 2)
    parts += legend(LEFT + 390, height - 150, everything)
    write("soak.svg", "A busy gateway's memory, descriptors, threads, tasks and database, over an hour", height, parts)


for script, draw in {"growth": trail, "crowded": owners, "soak": soak}.items():
    found = figures(script)
    if found:
        draw(found)

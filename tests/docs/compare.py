"""Compares what a page shows with what the commands print."""

import json
import re

MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(Z|\+00:00)?")


def is_like(shown, real):
    """`…` matches any text, a moment any moment."""
    parts = re.split(f"(…|{MOMENT.pattern.replace('(Z', '(?:Z')})", shown)
    pattern = "".join(
        ".*" if part == "…" else MOMENT.pattern if MOMENT.fullmatch(part) else re.escape(part)
        for part in parts
    )
    return re.fullmatch(pattern, real) is not None


def text(shown, printed):
    """Returns what differs, or None."""
    wanted, real = ([line for line in lines.splitlines() if line.strip()] for lines in (shown, printed))
    if len(wanted) == len(real) and all(map(is_like, wanted, real)):
        return None
    return f"shows\n{shown}but the commands print\n{printed}"


def answers(shown, printed):
    """Compares JSON: its keys and types, and its strings except where `…` stands. Other lines of the output
    are ignored."""
    real = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    if len(real) != 1:
        return f"shows JSON, but the commands print\n{printed}"
    return values(json.loads(shown), real[0], "")


def values(shown, real, at):
    if type(shown) is not type(real):
        return f"{at}: shows {shown!r}, is {real!r}"
    if isinstance(shown, dict):
        if shown.keys() != real.keys():
            return f"{at}: shows the keys {sorted(shown)}, has {sorted(real)}"
        found = (values(shown[key], real[key], f"{at}.{key}") for key in shown)
        return next(filter(None, found), None)
    if isinstance(shown, list):
        if len(shown) != len(real):
            return f"{at}: shows {len(shown)} items, has {len(real)}"
        found = (values(*pair, f"{at}[]") for pair in zip(shown, real))
        return next(filter(None, found), None)
    if isinstance(shown, str) and not is_like(shown, real):
        return f"{at}: shows {shown!r}, is {real!r}"
    if isinstance(shown, bool) and shown != real:
        return f"{at}: shows {shown}, is {real}"
    return None

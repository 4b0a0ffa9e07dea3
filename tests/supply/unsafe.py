#!/usr/bin/env python3
"""Counts `unsafe` in the crates of the production binary: `tests/supply/unsafe.py DEPS`.

DEPS is the folder `deps` of a build, whose `.d` files name every source file that the compiler has read;
files of other platforms do not count, nor do comments and strings. Code that `cfg` takes out of a file that
was read does, and so do files that only this or an earlier build's features need: the figures are upper bounds."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What may hold the word without being code. A block comment is only begun: it nests.
IGNORED = re.compile(
    r"""(?P<block>/\*)|//[^\n]*|\bb?c?r(?P<hashes>\#*)".*?"(?P=hashes)|"(?:\\.|[^"\\])*"|'(?:\\[^']*|[^'\\])'""", re.S
)
COMMENT = re.compile(r"/\*|\*/")
KINDS = {"{": "blocks", "fn": "functions", "extern": "functions", "impl": "implementations", "trait": "traits"}


def code_of(text):
    """The text without comments, strings and characters."""
    out, position = [], 0
    while found := IGNORED.search(text, position):
        out.append(text[position : found.start()])
        position = found.end()
        depth = 1 if found["block"] else 0
        while depth and (mark := COMMENT.search(text, position)):
            depth += 1 if mark[0] == "/*" else -1
            position = mark.end()
    return " ".join([*out, text[position:]])


def counted(file):
    code = code_of(file.read_text(errors="replace"))
    return Counter(KINDS.get(next_one, "other") for next_one in re.findall(r"\bunsafe\b\s*(\{|\w+|\()", code))


def crates():
    """The crates in the binary, without procedural macros and what only builds."""
    tree = subprocess.run(
        ["cargo", "tree", "--locked", "--no-default-features", "--edges", "normal,no-proc-macro", "--prefix", "none",
         "--format", "{p}"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    named = (line.split()[:2] for line in tree.stdout.splitlines())
    return {f"{name}-{version.removeprefix('v')}" for name, version in named}


def sources(deps):
    """Every source file of a crate that the compiler has read, by the crate's folder."""
    found = {}
    for listing in deps.glob("*.d"):
        for name in re.findall(r"^(\S.*\.rs):$", listing.read_text(), re.M):
            crate = re.search(r"/registry/src/[^/]+/([^/]+)/", name)
            if crate:
                found.setdefault(crate[1], set()).add(Path(name.replace("\\ ", " ")))
    return found


def main():
    found, total, some = sources(Path(sys.argv[1])), Counter(), []
    wanted = {name for name in crates() if not name.startswith("cloakroom-")}
    missing = sorted(wanted - found.keys())
    if missing:
        sys.exit(f"{sys.argv[1]} has not built {', '.join(missing)}")
    for name in wanted:
        count = sum((counted(file) for file in found[name]), Counter())
        total += count
        if count:
            some.append((count.total(), name))
    print(f"{len(wanted)} crates, {len(some)} with `unsafe`: " + ", ".join(f"{n} {kind}" for kind, n in sorted(total.items())))
    for number, name in sorted(some, reverse=True)[:12]:
        print(f"{number:6}  {name}")
    ours = sum((counted(file) for file in ROOT.glob("src/**/*.rs")), Counter())
    print(f"{ours.total():6}  cloakroom")


main()

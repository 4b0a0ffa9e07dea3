"""The fenced code blocks of a Markdown page. As a program it writes those that carry `file=NAME` into a
folder, as they stand; blocks of the same name are one file:

    blocks.py PAGE FOLDER
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^( *)```(\S*) *(.*)$")


@dataclass
class Block:
    page: str
    line: int
    end: int
    language: str
    file: str  # of file=NAME
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"


def blocks(path, page=None):
    """Every code block of the page; one that is not fenced, or whose fence is not closed, is an error."""
    page, found, opened, before = page or str(path), [], None, ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if opened:
            block, indent, lines = opened
            if fence and not fence[2]:
                block.text = "".join(f"{text.removeprefix(indent)}\n" for text in lines)
                block.end = number
                found.append(block)
                opened = None
            else:
                lines.append(line)
        elif fence:
            name = re.search(r"\bfile=(\S+)", fence[3])
            opened = Block(page, number, 0, fence[2], name[1] if name else "", ""), fence[1], []
        elif line.startswith("    ") and not before.strip():
            sys.exit(f"{page}:{number}: a code block that is not fenced")
        before = line
    if opened:
        sys.exit(f"{opened[0]}: the fence is not closed")
    return found


def extract(page, folder):
    named = [block for block in blocks(page) if block.file]
    if not named:
        sys.exit(f"{page}: no code block has a file=")
    texts = {}
    for block in named:
        texts[block.file] = texts.get(block.file, "") + block.text
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        # What has not changed keeps its time, and is not compiled again.
        if not file.is_file() or file.read_text() != text:
            file.write_text(text)


if __name__ == "__main__":
    extract(*(Path(argument) for argument in sys.argv[1:]))

"""Writes the code blocks of a Markdown page that carry `file=NAME` into a folder, as they stand.

    extract.py PAGE FOLDER
"""

import re
import sys
from pathlib import Path

BLOCK = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

page, folder = (Path(argument) for argument in sys.argv[1:])
blocks = BLOCK.findall(page.read_text())
if not blocks:
    sys.exit(f"{page}: no code block has a file=")
for name, text in blocks:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    # What has not changed keeps its time, and is not compiled again.
    if not file.is_file() or file.read_text() != text:
        file.write_text(text)

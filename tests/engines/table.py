"""The table of differences in docs/engines.md against what a run has noted."""

from pathlib import Path

from checks import check, noted

PAGE = Path(__file__).parent.parent.parent / "docs/engines.md"
# The row of each note.
ROWS = {
    "list buckets": "list buckets",
    "abort one's own upload": "abort one's own multipart upload",
    "batch delete in one's own bucket": "batch delete in one's own bucket",
    "put with ACL public-read": "put with ACL `public-read`",
}


def compare(engine):
    """Each cell of the engine's column begins with the status that was noted."""
    cells = lambda line: [cell.strip() for cell in line.strip("|").split("|")]
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    # A later table says which rules of a bucket the engines take.
    head = next(cells(line) for line in lines if "embedded" in line)
    (column,) = [number for number, name in enumerate(head) if name.lower().startswith(engine)]
    table = {row[0]: row for row in map(cells, lines) if len(row) == len(head)}
    for note, row in ROWS.items():
        said, seen = table[row][column], noted[note]
        check(f"docs/engines.md says what was seen: {row}", said[:3] == seen[:3], (said, seen))

"""Prints what `cloakroom audit` takes with each filter: `search.py CLOAKROOM DATA [POSTGRES.SH]`.

DATA is the database's file, or PostgreSQL's folder with the script that starts and stops it. Each line has
the filter, the rows found, and the times of the command in ms, tab-separated: the median of five, and the
median of three for which the database's files are not in the page cache before (and PostgreSQL starts anew).
Needs the rows that fill.py writes.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

from fill import ACCESS_KEYS, OWNERS, bucket, digits, person, trail

binary, data, *server = sys.argv[1:]


def audit(*arguments):
    began = perf_counter()
    command = [binary, "audit", "--json", *arguments]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return (perf_counter() - began) * 1000, json.loads(output)


def forget():
    """Drops the database from the page cache."""
    if server:
        subprocess.run([*server, "stop", data], check=True)
    os.sync()
    files = Path(data).rglob("*") if server else Path(data).parent.glob(f"{Path(data).name}*")
    for path in files:
        if path.is_file():
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if server:
        subprocess.run([*server, "again", data], check=True, stdout=subprocess.DEVNULL)


# Among the first rows, of somebody with few.
rare = {pair for _, _, pair in map(person, range(OWNERS - 10_000, OWNERS))}
oldest = next(row for row in trail(0, 30_000, 30_000) if row[5] in rare)
oldest_key, (client, subject) = oldest[9], json.loads(oldest[5])
bucket_of_rare = bucket(client, subject)
_, [row] = audit("--access-key", oldest_key)
session = f"{bucket_of_rare[:31]}-{row['request_id'].replace('-', '')}"
key = f"ak_{digits('access key', ACCESS_KEYS // 2)[:32]}"
for what, *arguments in [
    ["the newest"],
    ["since an hour ago", "--since", "1h"],
    ["since 30 days ago", "--since", "30d"],
    ["a session's key", "--access-key", oldest_key],
    ["an access key", "--access-key", key],
    ["an API key", "--access-key", f"ck_{digits('acme')[:16]}"],
    ["an unknown key", "--access-key", "ASIAUNKNOWNUNKNOWN00"],
    ["a person", "--owner", f"{client}/{subject}"],
    ["a subject, any client", "--owner", subject],
    ["a busy subject", "--owner", person(12)[1]],
    ["a pseudonym", "--owner", bucket_of_rare[:31]],
    ["a session's name", "--owner", session],
    ["an organisation", "--owner", "acme"],
    ["an organisation, since an hour ago", "--owner", "acme", "--since", "1h"],
    ["a workspace", "--owner", "org-7/team-1907"],
    ["an unknown owner", "--owner", "nobody"],
    ["a caller", "--caller", subject],
    ["an API key as caller", "--caller", f"ck_{digits('acme')[:16]}"],
    ["an operator", "--caller", "root"],
    ["a person's bucket", "--bucket", bucket_of_rare],
    ["an organisation's bucket", "--bucket", "org-7-storage"],
]:
    warm, cold = [audit(*arguments) for _ in range(6)][1:], []
    for _ in range(3):
        forget()
        cold.append(audit(*arguments)[0])
    times = f"{median(time for time, _ in warm):.0f}\t{median(cold):.0f}"
    print(f"{what}\t{' '.join(arguments)}\t{len(warm[0][1])}\t{times}", flush=True)

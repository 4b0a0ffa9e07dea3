"""What the tests of PostgreSQL as the registry share: the database of CLOAKROOM_DATABASE__URL, and checks."""

import os
import subprocess
import time
import urllib.request

direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
URL = os.environ["CLOAKROOM_DATABASE__URL"]
wrong = []


def check(name, is_good, seen):
    print(f"{'ok   ' if is_good else 'FAIL '} PostgreSQL: {name}: {seen}", flush=True)
    if not is_good:
        wrong.append(name)


def query(statement):
    done = subprocess.run(["psql", URL, "-Atc", statement], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def wait_until(condition, seconds=120):
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            return False
        time.sleep(0.05)
    return True

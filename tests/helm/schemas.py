#!/usr/bin/env python3
"""Kubernetes' JSON schemas, which PyPI's kubernetes-validate ships, for kubeconform: `schemas.py FOLDER VERSION…`.
Does nothing if they are there; exits with 75 if the package cannot be had."""

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "1.37.0"
UNAVAILABLE = 75  # EX_TEMPFAIL


def main():
    folder, versions = Path(sys.argv[1]), sys.argv[2:]
    there, wanted = folder / "there", f"{PACKAGE} {' '.join(versions)}"
    if there.exists() and there.read_text() == wanted:
        return
    with tempfile.TemporaryDirectory() as work:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", work]
        if subprocess.run([*command, f"kubernetes-validate=={PACKAGE}"]).returncode:
            sys.exit(UNAVAILABLE)
        (wheel,) = Path(work).glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            for name in files.namelist():
                part = Path(name)
                if part.suffix != ".json" or part.parent.name not in [f"v{version}-local-strict" for version in versions]:
                    continue
                schema = json.loads(files.read(name).decode().replace('"/api/_definitions.json', '"_definitions.json'))
                # Without an address of its own, a schema finds the definitions in its folder.
                schema.pop("$id", None)
                to = folder / part.parent.name / part.name
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_text(json.dumps(schema))
    there.write_text(wanted)


main()

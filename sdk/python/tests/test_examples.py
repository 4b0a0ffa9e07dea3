"""The examples in docstrings, run as they stand."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest
from support import Dev

import cloakroom
from cloakroom import Client

MODULES = ["cloakroom"] + [
    f"cloakroom.{module.name}"
    for module in pkgutil.iter_modules(cloakroom.__path__)
    if module.name != "__main__"
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str, mc: Client, dev: Dev, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOAKROOM_URL", dev.url)
    monkeypatch.setenv("CLOAKROOM_API_KEY", dev.acme_key)
    Path("local.csv").write_bytes(b"")
    module = importlib.import_module(name)
    # In the order of the file: those of `Storage` go on from each other.
    found = sorted(doctest.DocTestFinder().find(module), key=lambda test: test.lineno or 0)
    shared = {**vars(module), "mc": mc}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in found:
        test.globs = shared
        runner.run(test, clear_globs=False)
    assert runner.failures == 0

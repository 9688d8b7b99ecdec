"""The reference pages: up to date, complete, and with examples that are true."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from batuta import expr
from batuta.expr.catalogue import FILTERS, FUNCTIONS, Builtin

SCRIPT = Path(__file__).parents[3] / "scripts" / "expression_reference.py"
spec = importlib.util.spec_from_file_location("expression_reference", SCRIPT)
assert spec is not None
assert spec.loader is not None
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)

BUILTINS = [builtin for builtin in (*FILTERS.values(), *FUNCTIONS.values()) if builtin.alias_of is None]
OUTSIDE = {
    "secret",
    "kv",
    "read",
    "fileSize",
    "fileExists",
    "isFileEmpty",
    "http",
    "errorLogs",
    "randomPort",
    "subflow",
}
WITHOUT_EXAMPLE = OUTSIDE | {"credential", "appLink", "currentEachOutput", "iterationOutput", "parentOutput"}


def test_the_pages_are_up_to_date():
    for name, text in reference.pages().items():
        assert (reference.FOLDER / name).read_text(encoding="utf-8") == text, f"run `python {SCRIPT.name}`"


@pytest.mark.parametrize("builtin", BUILTINS, ids=lambda builtin: f"{builtin.kind}-{builtin.name}")
def test_the_example_gives_what_it_says(builtin: Builtin):
    if builtin.name in WITHOUT_EXAMPLE:
        return
    shown = reference.example(builtin)

    assert shown is not None
    template, result = shown
    rendered = expr.render(template, {})
    assert (rendered or "").rstrip("\n") == result

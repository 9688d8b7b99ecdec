"""A corpus of broken flows: each file beside a text that says all that is wrong with it.

To take over a change of wording, run with `BATUTA_REWRITE=1` and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batuta.flows import Reading, frame, read

CORPUS = sorted((Path(__file__).parent / "broken").glob("*.yaml"))


def told(reading: Reading) -> str:
    lines = []
    groups = (("error", reading.violations), ("warning", reading.warnings), ("old", reading.deprecated))
    for kind, found in groups:
        for each in found:
            lines.append(f"{kind} {each.line}:{each.column} {each.path or '-'} {each.pointer or '/'}")
            lines.append(f"  {each.message}")
            lines.append(frame(reading.source, each))
            lines.append(f"  fix: {each.hint}")
    lines += [f"info {each}" for each in reading.infos]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_broken_flow_is_told_all_that_is_wrong_with_it(path):
    reading = read(path.read_text())
    expected = path.with_suffix(".txt")

    if os.environ.get("BATUTA_REWRITE"):
        expected.write_text(told(reading))

    assert told(reading) == expected.read_text()
    assert reading.flow is None

"""The program says one version, whether it is installed or run from its sources."""

from __future__ import annotations

import tomllib
from pathlib import Path

from batuta import __version__

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_the_program_and_its_package_have_the_same_version():
    assert tomllib.loads(PROJECT.read_text())["project"]["version"] == __version__

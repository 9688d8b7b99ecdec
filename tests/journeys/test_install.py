"""What `make` says on a machine where something is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.processes import ROOT, environment

STUB = """
import os, runpy, shutil, sys
{missing}
os.geteuid = lambda: 1000
sys.argv = ["install.py", "{purpose}"]
runpy.run_path("scripts/install.py", run_name="__main__")
"""


def install(folder: Path, missing: str, purpose: str = "run") -> subprocess.CompletedProcess[str]:
    """The script on a machine that lacks something, for somebody who is not root."""
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "install.py", folder / "scripts")
    return subprocess.run(
        [sys.executable, "-c", STUB.format(missing=missing, purpose=purpose)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("missing", "purpose", "sentence"),
    [
        (
            "sys.version_info = (3, 9, 2)",
            "run",
            "Batuta needs Python 3.11 or newer, and this is 3.9.2: "
            "install a newer one and call `make PYTHON=python3.11 run`.",
        ),
        (
            "sys.modules['ensurepip'] = None",
            "run",
            f"Python's module `venv` is missing: install it with `sudo apt-get install "
            f"python{sys.version_info.major}.{sys.version_info.minor}-venv`.",
        ),
        (
            "which = shutil.which\n"
            "shutil.which = lambda name, **where: None if name == 'node' else which(name, **where)",
            "test",
            "The tests need programs that are not here: install them, on Debian with "
            "`sudo apt-get install nodejs`.",
        ),
    ],
    ids=["old Python", "no venv", "no node"],
)
def test_something_missing_is_one_sentence_that_says_what_to_do(tmp_path, missing, purpose, sentence):
    done = install(tmp_path, missing, purpose)

    assert (done.returncode, done.stderr) == (1, sentence + "\n")
    assert not (tmp_path / ".venv").exists()


def test_no_python_is_one_sentence_too():
    done = subprocess.run(
        ["make", "PYTHON=python-that-is-not-there", "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert done.stderr.startswith(
        "Batuta needs Python 3.11 or newer, and there is no `python-that-is-not-there`"
    )

"""The six steps of CONTRIBUTING.md, done in a copy of the repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.documents import ROOT, blocks
from tests.journeys.processes import PATIENCE_SECONDS, environment


def test_the_six_steps_make_a_task_type_that_works(tmp_path: Path):
    for name in ("src", "scripts", "tests/support", "tests/plugins", "tests/unit/plugins"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "tests/__init__.py", "tests/unit/__init__.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    written = [write(block.text, tmp_path) for block in blocks(ROOT / "CONTRIBUTING.md", "python")]
    (test,) = [path for path in written if path.name.startswith("test_")]

    call(tmp_path, "scripts/plugin_index.py")
    index = "tests/unit/plugins/test_index.py"
    some = ("-n", "0", "-p", "no:cacheprovider", "-k", "words or CountWords or current")
    tested = call(tmp_path, "-m", "pytest", *some, test, index)
    linted = call(tmp_path, "-m", "ruff", "check", *written)
    formatted = call(tmp_path, "-m", "ruff", "format", "--check", *written)

    assert tested.returncode == 0, tested.stdout
    assert "passed" in tested.stdout
    assert linted.returncode == 0, linted.stdout
    assert formatted.returncode == 0, formatted.stdout


def write(text: str, root: Path) -> Path:
    """A block whose first line names its file."""
    first, _, rest = text.partition("\n")
    path = root / first.removeprefix("# ")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rest)
    return path


def call(root: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Python on the copy."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=root,
        env=environment(PYTHONPATH=str(root / "src"), PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

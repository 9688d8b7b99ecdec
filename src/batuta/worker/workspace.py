"""The working directory of an attempt: made when first asked for, gone at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path


class Workspace:
    """One folder. The children of a WorkingDirectory share theirs."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder; absolute, without links in it."""
        if self._folder is None:
            self._root.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(dir=self._root)).resolve()
        return self._folder

    @property
    def is_made(self) -> bool:
        """Somebody asked for the folder."""
        return self._folder is not None

    def remove(self) -> None:
        """Delete the folder with everything in it."""
        if self._folder is not None:
            remove_tree(self._folder)
            self._folder = None


def remove_tree(folder: Path) -> None:
    """Delete a folder, also where a script took away its own right to do so."""

    def allow(function: object, path: str, error: object) -> None:
        try:
            os.chmod(os.path.dirname(path), 0o700)
            os.chmod(path, 0o700, follow_symlinks=False)
            os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        except (OSError, NotImplementedError):
            return

    shutil.rmtree(folder, onerror=allow)
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def own_root(tmp_dir: Path, worker_id: str) -> Path:
    """Where this worker's folders go; folders of workers whose process is gone are removed."""
    tmp_dir.mkdir(parents=True, exist_ok=True)
    for folder in tmp_dir.iterdir():
        pid = folder.name.partition("-")[0]
        if pid.isdigit() and int(pid) != os.getpid() and not _is_alive(int(pid)):
            remove_tree(folder)
    return tmp_dir / f"{os.getpid()}-{worker_id}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

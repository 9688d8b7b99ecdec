"""Suites and flows in files: which documents are which, and which flow a suite is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from batuta import flows
from batuta.errors import InvalidRequest
from batuta.flows.findings import Violation
from batuta.flows.findings import frame as framed
from batuta.testing.library import Library
from batuta.testing.recognising import looks_like_suite
from batuta.testing.shelf import Document, Shelf
from batuta.testing.suite import Suite
from batuta.testing.suite_check import mismatches, without_flow
from batuta.testing.suite_reader import SuiteReading, read_suite

SUFFIXES = (".yaml", ".yml")
TEST_FOLDERS = frozenset({"test", "tests"})
"""Names of folders whose flows are in the folder around."""


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """Something that keeps a suite from being run, with its place in a file."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str | None = None
    frame: str = ""


class FoundSuite(msgspec.Struct, frozen=True, kw_only=True):
    """A suite of a file; with mistakes it cannot be run."""

    file: str
    suite_id: str
    suite: Suite | None = None
    mistakes: tuple[Mistake, ...] = ()


class Collection(msgspec.Struct, frozen=True):
    """What was found."""

    suites: list[FoundSuite]
    library: Library


def collect(paths: Sequence[Path]) -> Collection:
    """The suites of files and folders, with the flows that they are about.

    Flows are looked for in the same places, beside each suite, and for suites in a folder `tests` in the
    folder around it.

    Raises:
        InvalidRequest: a path does not exist, or a file cannot be read.
    """
    suites: list[Document] = []
    others: list[Document] = []
    _sort(_files(paths), suites, others)
    beside: dict[Path, None] = {}
    for document in suites:
        folder = document.path.resolve().parent
        beside[folder] = None
        if folder.name in TEST_FOLDERS:
            beside[folder.parent] = None
    known = {each.path.resolve() for each in others}
    near = (path for folder in beside for path in _yaml_files(folder, deep=False))
    more = [path for path in near if path.resolve() not in known]
    _sort(more, [], others)
    shelf = Shelf(others)
    found = [_found(document, shelf) for document in suites]
    return Collection(found, shelf.library)


def _sort(paths: Iterable[Path], suites: list[Document], others: list[Document]) -> None:
    for path in paths:
        for part in flows.parts(_text(path)):
            document = Document(path, part.source, part.first_line)
            (suites if looks_like_suite(part.source) else others).append(document)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest(f"`{path}` is not a text in UTF-8", mend="save the file in UTF-8") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidRequest(
            f"`{path}` cannot be read: {reason}", mend="check the name and the access rights"
        ) from None


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files named, and those of the folders named, each once."""
    seen: set[Path] = set()
    for path in paths:
        for each in _yaml_files(path, deep=True) if path.is_dir() else [path]:
            if each.resolve() not in seen:
                seen.add(each.resolve())
                yield each


def _yaml_files(folder: Path, *, deep: bool) -> list[Path]:
    return sorted(
        path
        for path in (folder.rglob("*") if deep else folder.iterdir())
        if path.suffix in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _found(document: Document, shelf: Shelf) -> FoundSuite:
    reading = read_suite(document.source, first_line=document.first_line)
    suite, wrong = reading.suite, reading.violations
    if suite is not None:
        wrong = _against_flow(reading, suite, shelf)
    data = reading.document.data
    return FoundSuite(
        file=str(document.path),
        suite_id=str(data.get("id") or document.path.name) if isinstance(data, dict) else document.path.name,
        suite=None if wrong else suite,
        mistakes=tuple(_mistake(document, each) for each in wrong),
    )


def _against_flow(reading: SuiteReading, suite: Suite, shelf: Shelf) -> tuple[Violation, ...]:
    flow = shelf.get(suite.flow_key)
    if flow is not None:
        return mismatches(reading, suite, flow)
    return (without_flow(reading, *shelf.missing(suite.flow_key)),)


def _mistake(document: Document, violation: Violation) -> Mistake:
    return Mistake(
        file=str(document.path),
        line=violation.line + document.first_line - 1,
        column=violation.column,
        path=violation.path,
        message=violation.message,
        hint=violation.hint,
        frame=framed(document.source, violation, first_line=document.first_line),
    )

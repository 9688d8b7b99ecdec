"""Suites and flows in files: which documents are which, and which flow a suite is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from batuta import flows
from batuta.errors import InvalidRequest
from batuta.flows.findings import Violation, did_you_mean
from batuta.flows.findings import frame as framed
from batuta.model.flow import Flow, FlowKey
from batuta.testing.library import Library
from batuta.testing.recognising import looks_like_suite
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


class _Document(msgspec.Struct, frozen=True):
    path: Path
    source: str
    first_line: int


def collect(paths: Sequence[Path]) -> Collection:
    """The suites of files and folders, with the flows that they are about.

    Flows are looked for in the same places, beside each suite, and for suites in a folder `tests` in the
    folder around it.

    Raises:
        InvalidRequest: a path does not exist, or a file cannot be read.
    """
    suites: list[_Document] = []
    others: list[_Document] = []
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
    shelf = _Shelf(others)
    found = [_found(document, shelf) for document in suites]
    return Collection(found, shelf.library)


def _sort(paths: Iterable[Path], suites: list[_Document], others: list[_Document]) -> None:
    for path in paths:
        for part in flows.parts(_text(path)):
            document = _Document(path, part.source, part.first_line)
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


class _Shelf:
    """Flows by name; those that no suite asks for stay unread unless a Subflow may need them."""

    def __init__(self, documents: Sequence[_Document]) -> None:
        parsed: dict[FlowKey, Flow] = {}
        sources: dict[FlowKey, str] = {}
        self.broken: dict[FlowKey, tuple[Path, Violation]] = {}
        for document in documents:
            source = flows.strip_revision(document.source)
            reading = flows.read(source)
            if reading.flow is not None and reading.flow.key not in parsed:
                parsed[reading.flow.key] = reading.flow
                sources[reading.flow.key] = source
            elif reading.flow is None and reading.flow_id and reading.namespace:
                key = FlowKey(reading.namespace, reading.flow_id)
                self.broken.setdefault(key, (document.path, reading.violations[0]))
        self.library = Library(parsed, sources)

    def missing(self, key: FlowKey) -> tuple[str, str]:
        """Why there is no such flow, and what to do about it."""
        if key in self.broken:
            path, violation = self.broken[key]
            return (
                f"the flow {key} is not valid: {violation}",
                f"see what `batuta check {path}` says",
            )
        elsewhere = [each for each in self.library.flows if each.id == key.id]
        if elsewhere:
            return f"there is no flow {key}", f"did you mean the namespace `{elsewhere[0].namespace}`?"
        near = did_you_mean(str(key), map(str, self.library.flows))
        return f"there is no flow {key}", near or "name the folder of the flow as a further PATH"


def _found(document: _Document, shelf: _Shelf) -> FoundSuite:
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


def _against_flow(reading: SuiteReading, suite: Suite, shelf: _Shelf) -> tuple[Violation, ...]:
    flow = shelf.library.flows.get(suite.flow_key)
    if flow is not None:
        return mismatches(reading, suite, flow)
    return (without_flow(reading, *shelf.missing(suite.flow_key)),)


def _mistake(document: _Document, violation: Violation) -> Mistake:
    return Mistake(
        file=str(document.path),
        line=violation.line + document.first_line - 1,
        column=violation.column,
        path=violation.path,
        message=violation.message,
        hint=violation.hint,
        frame=framed(document.source, violation, first_line=document.first_line),
    )

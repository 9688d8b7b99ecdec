"""Documents that are no flows, such as test suites: read with the limits and the places of flows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from batuta.flows.document import Document, Unreadable
from batuta.flows.findings import Findings, Violation
from batuta.flows.reader import ReadLimits, load
from batuta.flows.section import Section, shown

T = TypeVar("T")


class Kind(msgspec.Struct, frozen=True):
    """A kind of document, for messages."""

    noun: str
    """What it is called, such as `test suite`."""
    beginning: str
    """How one begins."""


class DocumentReading(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What came of reading a document."""

    source: str
    document: Document
    result: T | None = None
    """None when there are violations."""
    violations: tuple[Violation, ...] = ()


def read_document(
    source: str, kind: Kind, make: Callable[[Section], T | None], limits: ReadLimits | None = None
) -> DocumentReading[T]:
    """Read one document, of which `make` understands the root. Never raises for a mistake of its author."""
    try:
        document = load(source, limits or ReadLimits())
    except Unreadable as error:
        document = Document(source)
        found = Findings(document)
        found.wrong_at(error.mark, f"Illegal {kind.noun} yaml: {error.message}", hint=error.hint)
        return DocumentReading(source=source, document=document, violations=tuple(found.violations))
    found = Findings(document)
    for repeated in document.repeated:
        found.wrong(repeated.path, f"Duplicate field '{repeated.path[-1]}'", key=True)
    if not isinstance(document.data, dict):
        found.wrong_at(
            document.value_at(()),
            f"Illegal {kind.noun} yaml: a {kind.noun} is a map, but this is {shown(document.data)}",
            hint=f"a {kind.noun} begins with {kind.beginning}",
        )
        return DocumentReading(source=source, document=document, violations=tuple(found.violations))
    result = make(Section(found, (), document.data))
    return DocumentReading(
        source=source,
        document=document,
        result=None if found.violations else result,
        violations=in_order(found, kind),
    )


def in_order(found: Findings, kind: Kind) -> tuple[Violation, ...]:
    """Violations by place, in the words of a kind of document."""
    told = (
        msgspec.structs.replace(
            each, message=each.message.replace("Illegal flow yaml", f"Illegal {kind.noun} yaml")
        )
        for each in found.violations
    )
    return tuple(sorted(told, key=lambda each: (each.line, each.column)))

"""Flows of files, read when a test needs them: a folder may hold thousands that no test is about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from batuta import expr, flows
from batuta.flows.findings import Violation
from batuta.model.flow import Flow, FlowKey
from batuta.nearness import did_you_mean
from batuta.testing.library import Library

_NAME = re.compile(r"^[\"']?(id|namespace)[\"']?[ \t]*:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)
STARTING = ("io.kestra.plugin.core.flow.Subflow", "io.kestra.plugin.core.flow.ForEachItem")
"""Types of tasks that start other flows."""


class Document(msgspec.Struct, frozen=True):
    """One document of a file."""

    path: Path
    source: str
    first_line: int


class Shelf:
    """Documents by the name of the flow that each seems to hold. Attributes: `broken`, why some are none."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.broken: dict[FlowKey, tuple[Path, Violation]] = {}
        self._documents: dict[FlowKey, Document] = {}
        for document in documents:
            names = dict(reversed(_NAME.findall(document.source)))
            if "id" in names and "namespace" in names:
                self._documents.setdefault(FlowKey(names["namespace"], names["id"]), document)
        self._flows: dict[FlowKey, Flow] = {}
        self._sources: dict[FlowKey, str] = {}

    @property
    def library(self) -> Library:
        """The flows that were asked for, and those that they start."""
        return Library(self._flows, self._sources)

    def get(self, key: FlowKey) -> Flow | None:
        """A flow; those that it starts are at hand from then on."""
        waiting = [key]
        while waiting:
            flow = self._read(waiting.pop())
            if flow is not None:
                waiting += self._started(flow)
        return self._flows.get(key)

    def _read(self, key: FlowKey) -> Flow | None:
        """A flow that was not read before."""
        document = self._documents.get(key)
        if document is None or key in self._flows or key in self.broken:
            return None
        source = flows.strip_revision(document.source)
        reading = flows.read(source)
        if reading.flow is None:
            self.broken[key] = (document.path, reading.violations[0])
            return None
        self._flows[key], self._sources[key] = reading.flow, source
        return reading.flow

    def _started(self, flow: Flow) -> list[FlowKey]:
        """Flows that tasks start: all that there are where one is named by a template."""
        found = []
        for task in flow.walk():
            if task.type in STARTING:
                names = (str(task.properties.get("namespace")), str(task.properties.get("flowId")))
                if any(map(expr.is_template, names)):
                    return list(self._documents)
                found.append(FlowKey(*names))
        return found

    def missing(self, key: FlowKey) -> tuple[str, str]:
        """Why there is no such flow, and what to do about it."""
        if key in self.broken:
            path, violation = self.broken[key]
            return f"the flow {key} is not valid: {violation}", f"see what `batuta check {path}` says"
        elsewhere = [each for each in self._documents if each.id == key.id]
        if elsewhere:
            return f"there is no flow {key}", f"did you mean the namespace `{elsewhere[0].namespace}`?"
        near = did_you_mean(str(key), map(str, self._documents))
        return f"there is no flow {key}", near or "name the folder of the flow as a further PATH"

"""Flow files of a folder into a store: what is new is stored, what differs becomes the next revision."""

from __future__ import annotations

from pathlib import Path

import msgspec

from batuta import flows
from batuta.bus.port import FlowSaved
from batuta.errors import BatutaError, FlowError, InvalidRequest
from batuta.model.flow import Flow, FlowKey, FlowRevision
from batuta.ports import Ports
from batuta.store.batch import Batch
from batuta.testing.recognising import looks_like_suite

SUFFIXES = (".yaml", ".yml")


class FlowFile(msgspec.Struct, frozen=True):
    """A file, or one of its documents, that holds a flow."""

    path: Path
    source: str
    flow: Flow


class Loaded(msgspec.Struct):
    """What became of the files of a folder."""

    stored: list[FlowKey] = []
    unchanged: list[FlowKey] = []
    broken: list[tuple[Path, FlowError]] = []


def flow_paths(folder: Path) -> list[Path]:
    """The YAML files of a folder and of those below it, in order; hidden ones are left out.

    Raises:
        InvalidRequest: there is no such folder.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"there is no folder `{folder}`", mend="name a folder that holds flow files")
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def text_of(path: Path) -> str:
    """The text of a file.

    Raises:
        InvalidRequest: it cannot be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest(f"`{path}` is not a text in UTF-8", mend="save the file in UTF-8") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidRequest(
            f"`{path}` cannot be read: {reason}", mend="check the name and the access rights"
        ) from None


def read_file(path: Path) -> tuple[list[FlowFile], list[FlowError]]:
    """The flows of a file with one document or more, and what is wrong with others; tests are left out."""
    found: list[FlowFile] = []
    wrong: list[FlowError] = []
    for part in flows.parts(text_of(path)):
        if looks_like_suite(part.source):
            continue
        source = flows.strip_revision(part.source)
        try:
            found.append(FlowFile(path, source, flows.parse(source)))
        except FlowError as error:
            wrong.append(error)
    return found, wrong


async def store(ports: Ports, flow: Flow, source: str) -> Flow | None:
    """Store a flow as its next revision; None when the newest one has the same text already.

    Returns the flow with the number of its revision.
    """
    present = await ports.store.flows.latest(flow.key)
    if present is not None and not present.deleted and present.source == source:
        return None
    revision = FlowRevision(
        namespace=flow.namespace,
        id=flow.id,
        revision=1 if present is None else present.revision + 1,
        source=source,
        created_at=ports.clock.now(),
        disabled=flow.disabled,
        description=flow.description,
        labels=flow.labels,
    )
    await ports.store.commit(Batch(flows=[revision]))
    await ports.bus.publish(FlowSaved(namespace=flow.namespace, flow_id=flow.id))
    return msgspec.structs.replace(flow, revision=revision.revision)


async def load_folder(ports: Ports, folder: Path) -> Loaded:
    """Store every flow of a folder; one that is broken keeps no other from being stored."""
    loaded = Loaded()
    for path in flow_paths(folder):
        try:
            found, wrong = read_file(path)
        except InvalidRequest as error:
            found, wrong = [], [FlowError(error.what, where=error.where, mend=error.mend)]
        loaded.broken += [(path, error) for error in wrong]
        for each in found:
            stored = await store(ports, each.flow, each.source)
            (loaded.unchanged if stored is None else loaded.stored).append(each.flow.key)
    return loaded


def siblings(path: Path, flow: Flow) -> list[FlowFile]:
    """Flows in files beside `path`, for Subflow tasks of `flow`; files that hold no flow are passed over."""
    found: dict[FlowKey, FlowFile] = {}
    for other in sorted(path.resolve().parent.iterdir()):
        if other.suffix not in SUFFIXES or other == path.resolve() or not other.is_file():
            continue
        try:
            for each in read_file(other)[0]:
                found.setdefault(each.flow.key, each)
        except BatutaError:
            continue
    found.pop(flow.key, None)
    return list(found.values())

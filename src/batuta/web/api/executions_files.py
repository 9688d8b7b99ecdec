"""Files of an execution, its outputs, and expressions evaluated in its context (API spec §8, §9)."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from batuta import expr
from batuta.engine.context import Names
from batuta.engine.ledger import Ledger
from batuta.engine.outline import Outline
from batuta.errors import Conflict, InvalidRequest, NotFound
from batuta.model.execution import Execution
from batuta.model.masking import Masker
from batuta.storage import uris
from batuta.storage.port import StoredFile
from batuta.web import forms, problem, query
from batuta.web.access import Action
from batuta.web.downloads import attachment
from batuta.web.routes import get, post
from batuta.web.shapes import execution as shape
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]

PREVIEW_ROWS = 100
MOST_PREVIEW_ROWS = 5_000
MOST_PREVIEW_BYTES = 2 * 1024 * 1024
MOST_EXPRESSION_BYTES = 256 * 1024
_IMAGES = frozenset({"jpg", "jpeg", "png", "svg", "gif", "bmp", "webp"})
_ROWS = frozenset({"ion", "jsonl", "ndjson"})


@get("/executions/{execution_id:str}/file")
async def download(
    request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite
) -> Response[Any]:
    """The content of a file of an execution."""
    asked = query.of(request)
    execution = await _readable(site, execution_id)
    uri, owner = await _place(site, execution, asked.need("path"))
    if owner != execution_id:
        prefix = problem.instance_of(request.scope).rpartition(f"/{quote(execution_id, safe='')}/")[0]
        return Redirect(f"{prefix}/{owner}/file?path={quote(uri, safe='')}", status_code=307)
    if await site.ports.storage.stat(uri) is None:
        raise NotFound(f"there is no file `{uri}`")
    name = PurePosixPath(uri).name
    if (asked.text("format") or "RAW").upper() == "JSONL":
        content = _json_lines(site.ports.storage.stream(uri))
        return Stream(
            content,
            media_type="application/x-ndjson",
            headers=attachment(PurePosixPath(name).stem + ".jsonl"),
        )
    return Stream(
        site.ports.storage.stream(uri), media_type="application/octet-stream", headers=attachment(name)
    )


async def _readable(site: Site, execution_id: str) -> Execution:
    execution = await site.need_execution(execution_id)
    site.guard.must(Action.READ, execution.namespace)
    return execution


async def _place(site: Site, execution: Execution, given: str) -> tuple[str, str]:
    """Where a file is, and the id of the execution that has it: this one, or another that exists.

    Files of namespaces can be looked at through every execution.
    """
    own = uris.execution(execution.namespace, execution.flow_id, execution.id)
    if ".." in given.split("/"):
        raise InvalidRequest("Invalid prefix path: `..` is not allowed", where="path")
    is_of_namespace = given.startswith(f"{uris.NAMESPACE_SCHEME}://")
    uri = uris.readable(given, namespace=execution.namespace) if is_of_namespace else given
    if uris.is_namespace_file(uri):
        site.guard.must(Action.READ, uris.namespace_of(uri) or execution.namespace)
        return uri, execution.id
    if uri.startswith(own):
        return uri, execution.id
    parts = uri.split("/executions/")
    other = parts[1].partition("/")[0] if len(parts) == 2 else ""
    found = await site.ports.store.executions.get(other) if other and other != execution.id else None
    if found is None:
        raise InvalidRequest(f"Invalid prefix path: `{uri}` is not a file of this execution", where="path")
    if not uri.startswith(uris.execution(found.namespace, found.flow_id, found.id)):
        raise InvalidRequest(f"Invalid prefix path: `{uri}` is not a file of an execution", where="path")
    return uri, found.id


async def _own_file(site: Site, execution_id: str, given: str) -> StoredFile:
    execution = await _readable(site, execution_id)
    uri, _ = await _place(site, execution, given)
    found = await site.ports.storage.stat(uri)
    if found is None:
        raise NotFound(f"there is no file `{uri}`")
    return found


@get("/executions/{execution_id:str}/file/metas")
async def metas(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Json:
    """Size of a file."""
    found = await _own_file(site, execution_id, query.of(request).need("path"))
    return {"size": found.size}


@get("/executions/{execution_id:str}/file/preview")
async def preview(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Json:
    """The beginning of a file, in a form that can be shown."""
    asked = query.of(request)
    found = await _own_file(site, execution_id, asked.need("path"))
    uri = found.uri
    rows = min(asked.number("maxRows", least=1) or PREVIEW_ROWS, MOST_PREVIEW_ROWS)
    encoding = asked.text("encoding") or "utf-8"
    content = await site.ports.storage.read(uri, MOST_PREVIEW_BYTES)
    extension = PurePosixPath(uri).suffix.removeprefix(".").lower()
    cut = found.size > len(content)
    if extension in _IMAGES or extension == "pdf":
        kind = "PDF" if extension == "pdf" else "IMAGE"
        shown: Any = base64.b64encode(content).decode()
        return {"extension": extension, "type": kind, "content": shown, "maxLine": rows, "truncated": cut}
    try:
        text = content.decode(encoding, "replace")
    except LookupError:
        raise InvalidRequest(f"`{encoding}` is not an encoding", where="encoding") from None
    lines = text.splitlines()
    truncated = cut or len(lines) > rows
    if extension in _ROWS:
        return {
            "extension": extension,
            "type": "LIST",
            "content": [_row(line) for line in lines[:rows] if line.strip()],
            "maxLine": rows,
            "truncated": truncated,
        }
    kind = "MARKDOWN" if extension == "md" else "TEXT"
    return {
        "extension": extension,
        "type": kind,
        "content": "\n".join(lines[:rows]),
        "maxLine": rows,
        "truncated": truncated,
    }


def _row(line: str) -> Any:
    """One row of a row file: Ion, of which JSON is a part."""
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:
        from amazon.ion import simpleion

        return _plain(simpleion.loads(line))


def _plain(value: Any) -> Any:
    """An Ion value as plain JSON data."""
    if value is None or type(value).__name__ == "IonPyNull":
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if type(value).__name__ == "IonPyBool":
        return bool(value)
    if isinstance(value, bool | int | float | str):
        base = next(kind for kind in (bool, int, float, str) if isinstance(value, kind))
        return base(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


async def _json_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        done = b"".join(msgspec.json.encode(_row(line.decode())) + b"\n" for line in lines if line.strip())
        if done:
            yield done
    if rest.strip():
        yield msgspec.json.encode(_row(rest.decode())) + b"\n"


# Outputs


@get("/outputs/executions/{execution_id:str}")
async def execution_outputs(execution_id: FromPath[str], site: GivenSite) -> Json:
    """Outputs of the flow."""
    return await site.whole((await _readable(site, execution_id)).outputs or {})


@get(["/outputs/tasks/{execution_id:str}", "/outputs/{execution_id:str}"])
async def outputs(execution_id: FromPath[str], site: GivenSite) -> list[Json]:
    """Which task runs have outputs."""
    await _readable(site, execution_id)
    return shape.task_outputs(await site.ports.store.executions.task_runs(execution_id))


@get(["/outputs/tasks/{execution_id:str}/{task_run_id:str}", "/outputs/{execution_id:str}/{task_run_id:str}"])
async def task_run_outputs(execution_id: FromPath[str], task_run_id: FromPath[str], site: GivenSite) -> Json:
    """Outputs of one task run."""
    await _readable(site, execution_id)
    for run in await site.ports.store.executions.task_runs(execution_id):
        if run.id == task_run_id:
            return await site.whole(run.outputs or {})
    raise NotFound(f"execution `{execution_id}` has no task run `{task_run_id}`")


# Expressions


@post(
    [
        "/executions/{execution_id:str}/eval/{task_run_id:str}",
        "/executions/{execution_id:str}/actions/eval/{task_run_id:str}",
    ]
)
async def evaluate_in_task(
    request: Request[Any, Any, Any], execution_id: FromPath[str], task_run_id: FromPath[str], site: GivenSite
) -> Json:
    """Evaluate an expression as a task run would see it."""
    return await _evaluated(request, site, execution_id, task_run_id)


@post(["/executions/{execution_id:str}/eval", "/executions/{execution_id:str}/actions/eval"])
async def evaluate(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Json:
    """Evaluate an expression in the context of an execution."""
    return await _evaluated(request, site, execution_id, None)


async def _evaluated(
    request: Request[Any, Any, Any], site: Site, execution_id: str, task_run_id: str | None
) -> Json:
    execution = await _readable(site, execution_id)
    template = await forms.text(request, MOST_EXPRESSION_BYTES)
    stored = site.parsed(await site.need_revision(execution.flow_key, execution.revision))
    if stored.flow is None:
        raise Conflict(f"the flow of the execution cannot be read: {stored.problem}")
    runs = await site.ports.store.executions.task_runs(execution_id)
    ledger = Ledger(execution, Outline(stored.flow), runs)
    run = None if task_run_id is None else ledger.run(task_run_id)
    if task_run_id is not None and run is None:
        raise NotFound(f"execution `{execution_id}` has no task run `{task_run_id}`")
    names = Names(ledger, site.world, run)
    options = site.world.options(site.now())

    def render(facts: expr.Facts) -> tuple[str | None, list[str]]:
        return expr.render(template, names, facts, options), facts.secrets()

    try:
        result, secrets = await site.with_facts(render, namespace=execution.namespace, execution=execution)
    except expr.ExpressionError as error:
        return {"error": str(error)}
    return {"result": "" if result is None else Masker(secrets).mask(result)}


ROUTES = [download, metas, preview, execution_outputs, outputs, task_run_outputs, evaluate_in_task, evaluate]

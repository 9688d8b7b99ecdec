"""Task types: which there are, and what each one is (API spec §16)."""

from __future__ import annotations

from functools import cache
from typing import Any

from litestar import Request, Response
from litestar.params import FromPath

from batuta import __version__
from batuta.errors import BatutaError, NotFound
from batuta.expr.catalogue import FILTERS, FUNCTIONS
from batuta.expr.run import MISSING
from batuta.flows import flow_schema
from batuta.flows.schema import common_properties, input_schema
from batuta.model.inputs import InputType
from batuta.plugin import registry
from batuta.plugin import schema as plugin_schema
from batuta.web import query
from batuta.web.routes import get

Json = dict[str, Any]

_CACHED = {"Cache-Control": "public, max-age=3600"}
_SCHEMAS = {"FLOW": None, "TASK": "task", "TRIGGER": "trigger", "TESTSUITES": None, "DASHBOARD": None}
_INPUT_CLASSES = {InputType.DATETIME: "DateTimeInput", InputType.URI: "URIInput", InputType.BOOL: "BoolInput"}


@get("/plugins")
async def plugins(request: Request[Any, Any, Any]) -> Any:
    """Groups of task types; paged when a page or a size is asked for."""
    asked = query.of(request)
    groups = _groups()
    if asked.text("page") is None and asked.text("size") is None:
        return groups
    page = query.paging(asked)
    return {"results": groups[page.offset : page.offset + page.limit], "total": len(groups)}


@cache
def _groups() -> list[Json]:
    """By the part of a type name before its last but one dot; nothing is imported for it."""
    groups: dict[str, Json] = {}
    for name in registry.names():
        group = name.rpartition(".")[0]
        entry = groups.setdefault(
            group,
            {
                "name": group.rpartition(".")[2],
                "title": group.rpartition(".")[2],
                "group": group,
                "version": __version__,
                "categories": [],
                "tasks": [],
                "triggers": [],
                "taskRunners": [],
            },
        )
        kind = "triggers" if ".trigger." in name else "taskRunners" if ".runner." in name else "tasks"
        entry[kind].append({"cls": name, "deprecated": False})
    return [groups[group] for group in sorted(groups)]


@get(["/plugins/schemas/{kind:str}", "/schemas/{kind:str}"])
async def schema(request: Request[Any, Any, Any], kind: FromPath[str]) -> Response[Any]:
    """The JSON Schema of a kind of document."""
    name = kind.removesuffix(".json").upper()
    if name not in _SCHEMAS:
        raise NotFound(f"there is no schema `{kind}`", mend=f"one of {', '.join(_SCHEMAS)}")
    found = _document_schema(name)
    definition = _SCHEMAS[name]
    if definition is not None:
        found = {
            "$schema": found.get("$schema"),
            "$ref": f"#/definitions/{definition}",
            "definitions": found["definitions"],
        }
    if query.of(request).flag("arrayOf"):
        found = {
            **found,
            "type": "array",
            "items": {"$ref": found.get("$ref", f"#/definitions/{definition}")},
        }
        found.pop("$ref", None)
    return Response(found, headers=_CACHED)


def _document_schema(name: str) -> Json:
    match name:
        case "TESTSUITES":
            from batuta.testing.suite_schema import suite_schema

            return suite_schema()
        case "DASHBOARD":
            from batuta.dashboards.schema import dashboard_schema

            return dashboard_schema()
    return flow_schema()


@get("/plugins/properties/{kind:str}")
async def properties(kind: FromPath[str]) -> Any:
    """The top-level properties of a kind of document."""
    if kind.upper() != "FLOW":
        raise NotFound(f"there are no properties of `{kind}`", mend="ask for FLOW")
    return flow_schema().get("properties", {})


@get("/plugins/inputs")
async def inputs() -> list[Json]:
    """Every type of input."""
    return [
        {"type": kind, "cls": f"io.kestra.core.models.flows.input.{_input_class(kind)}"} for kind in InputType
    ]


def _input_class(kind: InputType) -> str:
    words = "".join(part.capitalize() for part in kind.split("_"))
    return _INPUT_CLASSES.get(kind, f"{words}Input")


@get("/plugins/icons")
async def icons() -> Json:
    """Pictures of task types; there are none yet."""
    return {}


@get("/plugins/icons/groups")
async def group_icons() -> Json:
    """Pictures of groups; there are none yet."""
    return {}


@get("/plugins/{type_name:str}")
async def plugin(request: Request[Any, Any, Any], type_name: FromPath[str]) -> Response[Any]:
    """The reference page of a task type, and its schema."""
    name = registry.canonical(type_name)
    if name is None:
        near = registry.nearest(type_name)
        raise NotFound(f"there is no type `{type_name}`", mend=f"did you mean `{near}`?" if near else None)
    loaded = registry.load(name)
    problem = registry.problem(loaded)
    if problem is not None:
        raise BatutaError(f"the type `{name}` cannot be loaded: {problem}")
    with_common = query.of(request).flag("all")
    body = plugin_schema.documentation(loaded, common_properties({}) if with_common else None)
    return Response(body, headers=_CACHED)


@get("/plugins/{type_name:str}/versions")
async def versions(type_name: FromPath[str]) -> Json:
    """The one version of a task type."""
    if registry.canonical(type_name) is None:
        raise NotFound(f"there is no type `{type_name}`")
    return {"type": type_name, "versions": [__version__]}


@get("/plugins/inputs/{kind:str}")
async def input_type(kind: FromPath[str]) -> Json:
    """The schema of a type of input."""
    if kind.upper() not in InputType.__members__:
        raise NotFound(f"there is no input type `{kind}`", mend=f"one of {', '.join(InputType)}")
    found = input_schema(InputType(kind.upper()))
    return {
        "markdown": f"# {kind.upper()}\n",
        "schema": {"properties": found, "outputs": {}, "definitions": {}},
    }


@get("/pebble/filters")
async def filters() -> list[str]:
    """Names of the filters of the expression language."""
    return sorted(FILTERS)


@get("/pebble/functions")
async def functions() -> list[Json]:
    """Functions of the expression language, with their arguments."""
    return [
        {"name": name, "arguments": [_argument(*each) for each in builtin.parameters]}
        for name, builtin in sorted(FUNCTIONS.items())
    ]


def _argument(name: str, default: Any) -> Json:
    shape: Json = {"name": name}
    if default is not MISSING and default is not None:
        shape["defaultValue"] = default if isinstance(default, str) else str(default).lower()
    return shape


ROUTES = [
    plugins,
    schema,
    properties,
    inputs,
    input_type,
    icons,
    group_icons,
    plugin,
    versions,
    filters,
    functions,
]

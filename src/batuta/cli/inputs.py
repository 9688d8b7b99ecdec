"""Values of inputs from the command line: `key=value` pairs and files."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from batuta.errors import InvalidRequest
from batuta.nearness import did_you_mean


def of_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """`key=value` texts as a map; a key that comes more than once is a list.

    Raises:
        InvalidRequest: a text has no `=`, or nothing before it.
    """
    given: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InvalidRequest(f"`{pair}` is not an input", mend="write `-i name=value`")
        if name not in given:
            given[name] = value
        elif isinstance(given[name], list):
            given[name].append(value)
        else:
            given[name] = [given[name], value]
    return given


def of_file(path: Path) -> dict[str, Any]:
    """The map in a YAML or JSON file.

    Raises:
        InvalidRequest: it cannot be read, or holds no map.
    """
    from batuta.cli.loading import text_of
    from batuta.flows import reader
    from batuta.flows.document import Unreadable

    try:
        document = reader.load(text_of(path), reader.ReadLimits())
    except Unreadable as error:
        where = f"{path} (line {error.mark.line}, column {error.mark.column})"
        raise InvalidRequest(error.message, where=where, mend=error.hint) from None
    if document.data is None:
        return {}
    if not isinstance(document.data, dict):
        raise InvalidRequest(
            f"`{path}` does not hold a map of inputs", mend="write one `name: value` per line"
        )
    return document.data


@contextmanager
def form(given: Mapping[str, Any], files: Collection[str]) -> Iterator[dict[str, Any]]:
    """The body of a request that carries inputs: texts as parts of a form, and `files` as files.

    Raises:
        InvalidRequest: there is no such file.
    """
    parts: list[tuple[str, Any]] = []
    with ExitStack() as opened:
        for name, value in given.items():
            if name in files and isinstance(value, str) and "://" not in value:
                path = Path(value).expanduser()
                if not path.is_file():
                    raise InvalidRequest(f"there is no file `{value}` for the input `{name}`")
                parts.append((name, (path.name, opened.enter_context(path.open("rb")))))
            else:
                text = value if isinstance(value, str) else json.dumps(value)
                parts.append((name, (None, text.encode())))
        yield {"files": parts} if parts else {}


BOOLEANS = frozenset({"true", "false"})


def refuse(declared: Iterable[Mapping[str, Any]], given: Mapping[str, Any], owner: str) -> None:
    """Refuse what a server takes without a word: inputs that nobody asks for, and booleans that are none.

    Args:
        declared: inputs in the form of the REST API.
        given: values by name; a name may lead to a member, as in `form.member`.
        owner: who asks for them, for the message.

    Raises:
        InvalidRequest: there are such inputs.
    """
    types = {each["id"]: each.get("type") for each in declared}
    if "REUSABLE_INPUTS" in types.values():
        return  # what there is, is declared elsewhere
    for name, value in given.items():
        if name not in types and name.partition(".")[0] not in types:
            listed = f"it has {', '.join(sorted(types))}" if types else "it has none"
            raise InvalidRequest(f"{owner} has no input `{name}`", mend=did_you_mean(name, types) or listed)
        if types.get(name) in ("BOOL", "BOOLEAN") and str(value).strip().lower() not in BOOLEANS:
            raise InvalidRequest(
                f"the input `{name}` is `{value}`, which is no boolean", mend="write true or false"
            )


FORMS = {
    "ARRAY": '["one", "two"]',
    "BOOL": "true",
    "BOOLEAN": "true",
    "DATE": "2026-03-31",
    "DATETIME": "2026-03-31T08:00:00Z",
    "DURATION": "PT5M",
    "JSON": '{"key": "value"}',
    "MULTISELECT": '["one", "two"]',
    "OBJECT": '{"key": "value"}',
    "TABLE": '[{"column": "value"}]',
    "TIME": "08:00:00",
    "YAML": "key: value",
}
"""A value of each type whose form is not plain, as `-i` takes it."""
ITEM_FORMS = {"INT": "[1, 2]", "FLOAT": "[0.5, 1]", "BOOL": "[true]", "BOOLEAN": "[true]"}
"""The same for an ARRAY of such items."""


def form_of_wrong(declared: Iterable[Mapping[str, Any]], problems: str) -> str | None:
    """How to write the first of the inputs that `problems` names; None when its form is plain.

    Args:
        declared: inputs in the form of the REST API.
        problems: what is wrong, with the ids of inputs in backquotes.
    """
    for each in declared:
        if f"`{each['id']}`" in problems and each.get("type") in FORMS:
            value = FORMS[each["type"]]
            if each["type"] == "ARRAY":
                value = ITEM_FORMS.get(each.get("itemType") or "", value)
            elif each["type"] == "MULTISELECT" and each.get("values"):
                value = json.dumps([_choice(first) for first in each["values"][:1]])
            return f"write it as `-i '{each['id']}={value}'`"
    return None


def _choice(value: Any) -> Any:
    """The stored value of a choice, which may have a label beside it."""
    return value.get("value", value.get("id")) if isinstance(value, Mapping) else value

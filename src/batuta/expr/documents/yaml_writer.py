"""Values to YAML blocks, quoted only where a reader would be misled.

The layout is the reference's: items of a list one space in, a map or a list inside a list on the line below
its dash.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from batuta.expr.budget import Nodes
from batuta.expr.errors import LimitError
from batuta.expr.kinds import Entry
from batuta.expr.printing import json_text, key_text, scalar

_RESERVED = frozenset(
    [
        "false",
        "False",
        "FALSE",
        "n",
        "N",
        "no",
        "No",
        "NO",
        "null",
        "Null",
        "NULL",
        "on",
        "On",
        "ON",
        "off",
        "Off",
        "OFF",
        "true",
        "True",
        "TRUE",
        "y",
        "Y",
        "yes",
        "Yes",
        "YES",
        "~",
    ]
)
_HEX = re.compile(r"[-+]?0[xX][0-9a-fA-F]+", re.ASCII)
_QUOTABLE = re.compile(r"[\[\]{},]|(?:^|\s)#|:(?:\s|$)")
_SPECIAL = re.compile(r"[^\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_NOT_PLAIN = re.compile(r"---|\.\.\.|[#,\[\]{}&*!|>'\"%@`]|[?:-](?:\s|$)|\s")
_ESCAPES = {
    "\0": "\\0",
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
    "\x1b": "\\e",
    '"': '\\"',
    "\\": "\\\\",
    "\x85": "\\N",
    "\xa0": "\\_",
    "\u2028": "\\L",
    "\u2029": "\\P",
}


class _Room:
    """What is left of the budget of characters."""

    def __init__(self, characters: int) -> None:
        self.left = characters
        self.nodes = Nodes()

    def take(self, text: str) -> str:
        self.left -= len(text)
        if self.left < 0:
            raise LimitError("The YAML text is too long")
        return text


def yaml_text(value: Any, room: int) -> str:
    """`value` as a YAML document without markers, ending in a newline."""
    out: list[str] = []
    budget = _Room(room)
    if isinstance(value, dict) and value:
        _map(value.items(), 0, out, budget, 0)
    elif _is_list(value) and value:
        _list(value, 0, out, budget, 0)
    else:
        out.append(budget.take(_inline(value, 2) + "\n"))
    text = "".join(out)
    return text if text.endswith("\n") else text + "\n"


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset))


def _map(entries: Any, indent: int, out: list[str], room: _Room, level: int) -> None:
    room.nodes.take(len(entries), level)
    for key, item in entries:
        out.append(room.take(" " * indent + _key(key_text(key)) + ":"))
        # A list inside a map is not indented further than the map itself.
        _value(item, indent, indent, out, room, level)


def _list(items: Any, indent: int, out: list[str], room: _Room, level: int) -> None:
    room.nodes.take(len(items), level)
    for item in items:
        out.append(room.take(" " * (indent + 1) + "-"))
        _value(item, indent, indent + 2, out, room, level)


def _value(item: Any, indent: int, list_indent: int, out: list[str], room: _Room, level: int) -> None:
    if isinstance(item, Entry):
        item = {item.key: item.value}
    if isinstance(item, dict) and item:
        out.append("\n")
        _map(item.items(), indent + 2, out, room, level + 1)
    elif _is_list(item) and item:
        out.append("\n")
        _list(item, list_indent, out, room, level + 1)
    else:
        shown = room.take(_inline(item, indent + 2))
        out.append(f" {shown}" if shown.endswith("\n") else f" {shown}\n")


def _inline(value: Any, indent: int) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{}"
    if _is_list(value):
        return "[]"
    if isinstance(value, str):
        return _text(str(value), indent)
    if isinstance(value, datetime):
        return _text(json_text(value)[1:-1], indent)
    shown = json_text(value)
    return shown if not shown.startswith('"') else _text(scalar(value), indent)


def _key(text: str) -> str:
    if text in _RESERVED or _HEX.fullmatch(text):
        return _double(text)
    return _plain_or_quoted(text) if "\n" not in text else _double(text)


def _text(text: str, indent: int) -> str:
    if not text:
        return '""'
    if "\n" in text:
        return _literal(text, indent)
    if text in _RESERVED or _QUOTABLE.search(text):
        return _double(text)
    return _plain_or_quoted(text)


def _plain_or_quoted(text: str) -> str:
    if _SPECIAL.search(text):
        return _double(text)
    if not text or _NOT_PLAIN.match(text) or text[-1].isspace() or re.search(r":(?:\s|$)|\s#", text):
        return "'" + text.replace("'", "''") + "'"
    return text


def _literal(text: str, indent: int) -> str:
    """A block of lines; text that a block cannot hold is quoted."""
    if _SPECIAL.search(text) or re.search(r" \n|\s$", text.rstrip("\n")) or not text.strip("\n"):
        return _double(text)
    hint = "2" if text[0] in " \n" else ""
    stripped = text.rstrip("\n")
    end = len(text) - len(stripped)
    chomp = "-" if end == 0 else "" if end == 1 else "+"
    margin = " " * indent
    lines = [margin + line if line else "" for line in stripped.split("\n")]
    return f"|{hint}{chomp}\n" + "\n".join(lines) + "\n" * max(end, 1 if end else 0)


def _double(text: str) -> str:
    def escape(match: re.Match[str]) -> str:
        char = match[0]
        known = _ESCAPES.get(char)
        if known:
            return known
        code = ord(char)
        return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"

    return '"' + re.sub(r'["\\\x00-\x1f\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff]', escape, text) + '"'

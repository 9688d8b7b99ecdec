"""Write `docs/reference/expressions` from the docstrings of filters and functions, or check it.

Usage: `python scripts/expression_reference.py [--check]`.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from batuta.expr.catalogue import FILTERS, FUNCTIONS, Builtin
from batuta.expr.run import MISSING

FOLDER = Path(__file__).parent.parent / "docs" / "reference" / "expressions"
_EXAMPLE = re.compile(r"^(?P<template>\S.*?) -> ?(?P<result>.*)$", re.DOTALL)


def example(builtin: Builtin) -> tuple[str, str] | None:
    """The template of the docstring's example and its result; None when there is none."""
    paragraphs = inspect.getdoc(builtin.call).split("\n\n")  # type: ignore[union-attr]
    match = _EXAMPLE.match(paragraphs[-1])
    return (match["template"], match["result"].rstrip(" ")) if match and "{" in match["template"] else None


def page(title: str, intro: str, table: dict[str, Builtin]) -> str:
    """The reference page of one table."""
    lines = [f"# {title}", "", intro, ""]
    for name, builtin in sorted(table.items(), key=lambda item: item[0].lower()):
        if builtin.alias_of:
            lines += [
                f"## `{name}`",
                "",
                f"An older name of [`{builtin.alias_of}`](#{builtin.alias_of.lower()}).",
                "",
            ]
            continue
        paragraphs = inspect.getdoc(builtin.call).split("\n\n")  # type: ignore[union-attr]
        shown = example(builtin)
        lines += [f"## `{name}`", "", *"\n\n".join(paragraphs[:-1] if shown else paragraphs).split("\n"), ""]
        if builtin.parameters or builtin.takes_rest:
            lines += [f"Arguments: {_arguments(builtin)}.", ""]
        if shown:
            template, result = shown
            rendered = ["gives", "", "```", result, "```"] if result else ["prints nothing."]
            lines += ["```twig", template, "```", "", *rendered, ""]
    return "\n".join(lines)


def _arguments(builtin: Builtin) -> str:
    if builtin.takes_rest:
        return "any number"
    return ", ".join(
        f"`{name}` (required)"
        if default is MISSING
        else f"`{name}`" + ("" if default is None else f" (default `{default}`)")
        for name, default in builtin.parameters
    )


def pages() -> dict[str, str]:
    """All pages by file name."""
    return {
        "filters.md": page("Filters", "A filter follows a value and a bar: `{{ name | upper }}`.", FILTERS),
        "functions.md": page("Functions", "A function stands alone: `{{ now() }}`.", FUNCTIONS),
        "tests.md": _tests(),
    }


def _tests() -> str:
    from batuta.expr.operators import TESTS

    names = "\n".join(f"- `{name}`" for name in sorted([*TESTS, "defined"]))
    return f"# Tests\n\nA test follows `is` or `is not`: `{{{{ x is defined }}}}`.\n\n{names}\n"


def main() -> int:
    """Write the pages, or with `--check` say which ones differ."""
    stale = []
    for name, text in pages().items():
        path = FOLDER / name
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    for name in stale:
        print(f"{name} is out of date: run `python scripts/expression_reference.py`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

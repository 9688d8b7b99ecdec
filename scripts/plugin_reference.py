"""Write `docs/reference/plugins` from the classes of the registry, or check it.

Usage: `python scripts/plugin_reference.py [--check]`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from itertools import groupby
from pathlib import Path

from batuta.flows import reference
from batuta.plugin import families, registry
from batuta.plugin.families import Entry

FOLDER = Path(__file__).parent.parent / "docs" / "reference" / "plugins"

_INDEX = """\
# Types

What flows are written with: types of tasks, triggers, conditions and task runners, one page per family. The
properties that [all tasks and all triggers have](common.md) are not repeated. `batuta plugin list` and
`batuta plugin show TYPE` say the same on the command line.

Where a page says that a property of a task is a number, a duration or a list, an expression that gives one
may stand there too. Durations are written as ISO 8601 has them: `PT30S`, `PT15M`, `P1D`.
"""


def wanted_pages() -> dict[str, str]:
    """All pages by file name; types of other distributions are left out."""
    own = {name for index in registry.OWN_INDEXES for name in import_module(index).TYPES}
    listed = [each for each in families.entries() if each.type in own]
    grouped = {family: list(members) for family, members in groupby(listed, lambda each: each.family)}
    index = _INDEX + "".join(_listed(family, members) for family, members in grouped.items())
    named = {f"{family}.md": _page(family, members) for family, members in grouped.items()}
    return {"README.md": index, "common.md": reference.common_page(), **named}


def _listed(family: str, members: list[Entry]) -> str:
    rows = "".join(
        f"| [`{each.short}`]({family}.md#{_anchor(each)}) | {each.kind} | {each.title} |\n"
        for each in members
    )
    return f"\n## [{family}]({family}.md)\n\n| Type | Kind | What it does |\n| --- | --- | --- |\n{rows}"


def _page(family: str, members: list[Entry]) -> str:
    links = "\n".join(f"- [`{each.type}`](#{_anchor(each)}): {each.title}" for each in members)
    intro = "Tasks and triggers also have the [common properties](common.md)."
    body = "\n".join(families.page(each, level=2) for each in members)
    return f"# {family}\n\n{intro}\n\n{links}\n\n{body}"


def _anchor(entry: Entry) -> str:
    """The name that a heading gets on the pages of common hosts."""
    return entry.type.lower().replace(".", "")


def main() -> int:
    """Write the pages, or with `--check` say which ones differ."""
    wanted = wanted_pages()
    present = {path.name for path in FOLDER.glob("*.md")}
    if "--check" in sys.argv:
        stale = [
            name
            for name in sorted(wanted.keys() | present)
            if name not in present or wanted.get(name) != (FOLDER / name).read_text(encoding="utf-8")
        ]
        for name in stale:
            print(f"{name} is out of date: run `python scripts/plugin_reference.py`")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in present - wanted.keys():
        (FOLDER / name).unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

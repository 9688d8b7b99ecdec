"""Write `src/batuta/plugins/index.py` from the `@plugin` decorators, without importing a plugin.

python scripts/plugin_index.py            write the file
python scripts/plugin_index.py --check    exit with 1 when it is not current
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "src"
PLUGINS = ROOT / "batuta" / "plugins"
INDEX = PLUGINS / "index.py"

HEAD = '''"""Task types of this package and where they are. Written by `scripts/plugin_index.py`."""

# ruff: noqa: E501

'''


def main() -> int:
    text = index_text()
    if "--check" in sys.argv:
        if INDEX.exists() and INDEX.read_text() == text:
            return 0
        print("src/batuta/plugins/index.py is not current; run `python scripts/plugin_index.py`")
        return 1
    INDEX.write_text(text)
    return 0


def index_text() -> str:
    """The whole module."""
    types: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for name, older, place in declared():
        if name in types:
            raise SystemExit(f"`{name}` is declared twice: {types[name]} and {place}")
        types[name] = place
        aliases |= dict.fromkeys(older, name)
    return HEAD + literal("TYPES", types) + "\n" + literal("ALIASES", aliases)


def declared() -> Iterator[tuple[str, list[str], str]]:
    """Name, aliases and place of every decorated class."""
    for path in sorted(PLUGINS.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.ClassDef):
                continue
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "plugin":
                    name = ast.literal_eval(decorator.args[0])
                    older = [
                        ast.literal_eval(each.value) for each in decorator.keywords if each.arg == "aliases"
                    ]
                    yield name, [alias for group in older for alias in group], f"{module}:{node.name}"


def literal(name: str, entries: dict[str, str]) -> str:
    """A dictionary as source text, one entry per line."""
    lines = [f'    "{key}": "{value}",\n' for key, value in sorted(entries.items())]
    return (
        f"{name}: dict[str, str] = {{\n{''.join(lines)}}}\n" if lines else f"{name}: dict[str, str] = {{}}\n"
    )


if __name__ == "__main__":
    sys.exit(main())

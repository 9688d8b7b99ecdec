"""No module puts a given name and a folder together by itself: `batuta.paths.inside` does.

Every other place that joins a folder and something that is not written in the source is listed here, with
the reason why that is no name which somebody gave.
"""

from __future__ import annotations

import ast
import gc
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import batuta

SOURCE = Path(batuta.__file__).parent
FOLDER = re.compile(
    r"(folder|dir|root|path|place|tree|tmp|scratch|target|parent)s?\b|\bPath\(", re.IGNORECASE
)
UNPACKS = frozenset({"extract", "extractall", "unpack_archive"})

LISTED = "the name was read from the folder itself"
CHECKED = "the name went through the guard before"
OURS = "the name is made of what we count, draw or hash"

EXCEPTIONS = {
    ("cli/namespace_files.py", "Path(place, name)"): LISTED,
    (
        "cli/namespace_files.py",
        "target.with_name(f'.{target.name}.part')",
    ): "the user's own name of a file here",
    ("paths.py", "root.joinpath(*parts)"): "the guard itself",
    ("plugins/core/namespace/upload_files.py", "ctx.files.working_dir / path"): LISTED,
    (
        "plugins/core/storage/split.py",
        "self._folder / f'part-{len(self._paths)}{self._extension}'",
    ): "the extension is a suffix, which has no slash",
    ("plugins/fs/local/listing.py", "folder / entry.name"): LISTED,
    (
        "plugins/fs/local/tasks.py",
        "target / source.name",
    ): "the last part of a path; `on_machine` checks folders",
    (
        "plugins/fs/local/tasks.py",
        "target.with_name(f'.{target.name}.{ctx.identity.task_run_id}')",
    ): "the last part of a path and an id of ours",
    (
        "plugins/jdbc/files.py",
        "folder / f'{unique()}-{Path(name).name}'",
    ): "only the last part of a name, behind one that we draw",
    (
        "plugins/jdbc/sqlite/tasks.py",
        "folder / path",
    ): "the address of a database, which may be absolute as well",
    ("plugins/jdbc/postgresql/connecting.py", "folder / f'.{option}.pem'"): "the option is one of ours",
    (
        "plugins/jdbc/postgresql/copying.py",
        """folder / f"copy.{('csv' if self.format is CopyFormat.CSV else 'txt')}\"""",
    ): "one of two names",
    (
        "plugins/scripts/container.py",
        "folder / within",
    ): "names of the container's file system, which may be odd; `is_inside` looks at each",
    ("plugins/scripts/environments.py", "ctx.files.cache_dir / 'environments' / key"): OURS,
    ("plugins/scripts/environments.py", "ctx.files.cache_dir / 'interpreters' / name"): OURS,
    ("plugins/scripts/environments.py", "folder.with_name(f'{folder.name}-{ids.random_id()}')"): OURS,
    (
        "plugins/scripts/script.py",
        "self._folder / f'{ids.random_id()}{Path(uri).suffix}'",
    ): "a suffix has no slash",
    ("plugins/scripts/script.py", "self._folder / f'{ids.random_id()}{suffix}'"): "the suffix is one of ours",
    ("storage/local.py", "Path(path, name)"): LISTED,
    ("storage/local.py", "os.path.join(path, name)"): LISTED,
    ("web/api/namespaces_files.py", "folder / str(number)"): OURS,
    (
        "worker/cache.py",
        "folder / member.filename",
    ): "names of a worker's file system; `is_inside` looks at each",
    ("worker/cache.py", "source.extract(member, folder)"): "`is_inside` has looked at the member",
    ("worker/cache.py", "folder / path"): LISTED,
    ("worker/cache.py", "self._folder / path"): LISTED,
    ("worker/family.py", "Path(entry.path, 'stat')"): LISTED,
    ("worker/files.py", "folder / path"): LISTED,
    ("worker/files.py", "os.path.join(place, name)"): LISTED,
    ("worker/workspace.py", "tmp_dir / f'{os.getpid()}-{worker_id}'"): OURS,
}
DRAWN = re.compile(r"(\w+\.)*(random_id\(\)|uuid4\(\)\.hex)|[A-Z_]+")
"""What is safe in every place: names that are drawn at random, and constants."""


def is_ours(name: ast.expr) -> bool:
    """A name is written in the source or drawn at random, so nobody else has a say in it."""
    match name:
        case ast.Constant():
            return True
        case ast.JoinedStr(values=values):
            return all(is_ours(each) for each in values)
        case ast.FormattedValue(value=value):
            return is_ours(value)
    return DRAWN.fullmatch(ast.unparse(name)) is not None


def joins(tree: ast.AST) -> Iterator[ast.expr]:
    """Expressions that put a folder and a name together that may be somebody else's."""
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(op=ast.Div(), left=left, right=right):
                if FOLDER.search(ast.unparse(left)) and not is_ours(right):
                    yield node
            case ast.Call(func=ast.Attribute(attr="joinpath" | "with_name"), args=names):
                if not all(is_ours(each) for each in names):
                    yield node
            case ast.Call(func=ast.Attribute(attr="join", value=ast.Attribute(attr="path"))):
                yield node
            case ast.Call(func=ast.Name(id="Path"), args=[_, _, *_]):
                yield node
            case ast.Call(func=ast.Attribute(attr=attribute)) if attribute in UNPACKS:
                yield node


def parsed(file: Path) -> ast.Module:
    """The tree of a module. A collection in the middle of it can upset the parser of Python 3.11."""
    gc.disable()
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    finally:
        gc.enable()


@cache
def found() -> frozenset[tuple[str, str]]:
    """Every such expression of the program, by file."""
    return frozenset(
        (file.relative_to(SOURCE).as_posix(), ast.unparse(node))
        for file in SOURCE.rglob("*.py")
        for node in joins(parsed(file))
    )


def test_names_of_others_go_through_the_guard():
    unknown = sorted(found() - EXCEPTIONS.keys())

    assert unknown == [], "use `batuta.paths.inside`, or say in EXCEPTIONS why the name cannot be anybody's"


def test_every_exception_is_still_needed():
    assert sorted(EXCEPTIONS.keys() - found()) == []


def test_joins_are_seen():
    source = """
(folder / name).write_text("")
folder.joinpath(name)
os.path.join(folder, name)
Path(folder, name)
archive.extractall(folder)
folder / "fixed" / f"{random_id()}-x"
folder / NAME
seconds / count
"""

    assert len(list(joins(ast.parse(source)))) == 5

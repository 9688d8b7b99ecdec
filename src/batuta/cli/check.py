"""`batuta check PATH ...`: everything that is wrong with files of flows and of their tests, with places and
what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from batuta import flows
from batuta.dashboards.recognising import looks_like_dashboard
from batuta.testing.recognising import looks_like_suite

INVALID = 2
"""Exit code when there are errors; warnings alone leave it at 0, unless they are to fail too."""
SUFFIXES = (".yaml", ".yml")


class Found(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One finding, with its place in a file. `severity` is `error`, `warning` or `note`."""

    file: str
    severity: str
    message: str
    line: int
    column: int
    path: str = ""
    pointer: str = ""
    code: str = ""
    hint: str | None = None
    frame: str = ""


class Summary(msgspec.Struct, frozen=True):
    """What `--output json` prints."""

    files: int
    errors: int
    warnings: int
    findings: list[Found]


@click.command("check")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Sentences or JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Errors only: leave warnings and notes out.")
@click.option("--strict", is_flag=True, help="Let warnings fail too.")
def check(paths: Sequence[Path], output: str, quiet: bool, strict: bool) -> None:
    """Say everything that is wrong with flow files.

    PATH is a file, or a folder whose .yaml and .yml files are checked, with those of the folders below it.
    `-` reads standard input. The exit code is 2 when there are errors, and with --strict when there are
    warnings; else 0.
    """
    files = list(_files(paths))
    findings = [each for file in files for each in findings_of(file)]
    errors = sum(each.severity == "error" for each in findings)
    warnings = sum(each.severity == "warning" for each in findings)
    shown = [
        each
        for each in findings
        if each.severity == "error" or (strict and each.severity == "warning") or not quiet
    ]
    if output == "json":
        summary = Summary(len(files), errors, warnings, shown)
        click.echo(msgspec.json.format(msgspec.json.encode(summary), indent=2).decode())
    else:
        for each in shown:
            click.echo(told(each) + "\n")
        click.echo(_last_line(len(files), errors, warnings))
    sys.exit(INVALID if errors or (strict and warnings) else 0)


command = check


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files named, and those of the folders named, each once."""
    seen: set[Path] = set()
    for path in paths:
        for each in _flow_files(path) if path.is_dir() else [path]:
            if each not in seen:
                seen.add(each)
                yield each


def _flow_files(folder: Path) -> list[Path]:
    """The YAML files at or below a folder, in order; hidden ones are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def findings_of(path: Path) -> Iterator[Found]:
    """Everything there is to say about one file, in the order of its lines."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield _unreadable(path, "the file is not a text in UTF-8", "save it in UTF-8")
        return
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        yield _unreadable(path, f"the file cannot be read: {reason}", "check the name and the access rights")
        return
    for part in flows.parts(text):
        found = list(_of_part(path, part))
        yield from sorted(found, key=lambda each: (each.line, each.column))


def _unreadable(path: Path, message: str, hint: str) -> Found:
    return Found(
        file=str(path), severity="error", message=message, line=1, column=1, code="file.unreadable", hint=hint
    )


def _of_part(path: Path, part: flows.Part) -> Iterator[Found]:
    if looks_like_suite(part.source):
        from batuta.testing.suite_reader import read_suite

        for violation in read_suite(part.source).violations:
            yield _found(path, part, "error", violation)
        return
    if looks_like_dashboard(part.source):
        from batuta import dashboards

        for violation in dashboards.read(part.source).violations:
            yield _found(path, part, "error", violation)
        return
    reading = flows.read(part.source)
    templates = flows.check_templates(part.source)
    for violation in (*reading.violations, *templates.violations):
        yield _found(path, part, "error", violation)
    for violation in (*reading.warnings, *templates.warnings):
        yield _found(path, part, "warning", violation)
    for violation in reading.deprecated:
        yield _found(path, part, "note", violation)


def _found(path: Path, part: flows.Part, severity: str, violation: flows.Violation) -> Found:
    return Found(
        file=str(path),
        severity=severity,
        message=violation.message,
        line=violation.line + part.first_line - 1,
        column=violation.column,
        path=violation.path,
        pointer=violation.pointer,
        code=violation.code,
        hint=violation.hint,
        frame=flows.frame(part.source, violation, first_line=part.first_line),
    )


_COLORS = {"error": "red", "warning": "yellow", "note": "blue"}


def told(found: Found) -> str:
    """One finding as text: place, kind, path and message; the lines of the file; what to do."""
    kind = click.style(found.severity, fg=_COLORS[found.severity], bold=True)
    path = f"{found.path}: " if found.path else ""
    lines = [f"{found.file}:{found.line}:{found.column}: {kind}: {path}{found.message}"]
    if found.frame:
        lines.extend(f"  {row}" for row in found.frame.split("\n"))
    if found.hint:
        lines.append(f"  fix: {found.hint}")
    return "\n".join(lines)


def _last_line(files: int, errors: int, warnings: int) -> str:
    if not files:
        return "no flow files found (.yaml or .yml)"
    return f"{_count(files, 'file')}: {_count(errors, 'error')}, {_count(warnings, 'warning')}"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"

"""`batuta eval`: render a template, or run a file of cases."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from batuta.expr import ExpressionError, Fact


@click.command(name="eval")
@click.argument("template", required=False)
@click.option(
    "--context",
    "context_file",
    type=click.Path(),
    metavar="FILE",
    help="A JSON file with the variables: a map with names such as `inputs`, `outputs` and `vars`.",
)
@click.option(
    "-i",
    "--input",
    "pairs",
    metavar="KEY=VALUE",
    multiple=True,
    help="A value of `inputs`. What is a number, true, false, a list or a map in JSON is that; else a text.",
)
@click.option("--recursive", is_flag=True, help="Repeat the rendering until the text stands still.")
@click.option("--cases", "cases_file", type=click.Path(), help="Run a file of cases instead of a template.")
def command(
    template: str | None,
    context_file: str | None,
    pairs: tuple[str, ...],
    recursive: bool,
    cases_file: str | None,
) -> None:
    """Render TEMPLATE and print the result, or run the cases of a file.

    `-` reads the template from standard input.

    Exit codes: 0 done, 1 the template or a case failed, 2 a file cannot be read.
    """
    if cases_file is not None:
        _run_cases(cases_file)
    elif template is None:
        raise click.UsageError("Give a TEMPLATE or --cases FILE.")
    else:
        if template == "-":
            template = sys.stdin.read().removesuffix("\n")
        _render(template, _context(context_file, pairs), recursive)


def _read_json(path: str) -> object:
    import json

    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        click.echo(f"{path}: {error}", err=True)
        raise SystemExit(2) from None


def _context(path: str | None, pairs: tuple[str, ...]) -> dict[str, Any]:
    context = _read_json(path) if path is not None else {}
    if not isinstance(context, dict):
        click.echo(f"{path}: a context is a map of variables", err=True)
        raise SystemExit(2)
    if not pairs:
        return context
    from batuta.cli import inputs

    values = {name: _plain(value) for name, value in inputs.of_pairs(pairs).items()}
    present = context.get("inputs")
    return {**context, "inputs": {**(present if isinstance(present, dict) else {}), **values}}


def _plain(value: Any) -> Any:
    """A text, or the JSON in it; a key that was given more than once has a list of them."""
    import json

    if isinstance(value, list):
        return [_plain(each) for each in value]
    try:
        return json.loads(value)
    except ValueError:
        return value


def _render(template: str, context: dict[str, Any], recursive: bool) -> None:
    from batuta import expr

    try:
        click.echo(expr.render(template, context, options=expr.Options(recursive=recursive)))
    except expr.ExpressionError as error:
        error.mend = error.mend or _missing_value(error, context)
        click.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None
    except expr.MissingFact as missing:
        click.echo(f"error: {_needs_server(missing.fact)}", err=True)
        raise SystemExit(1) from None


def _missing_value(error: ExpressionError, context: dict[str, Any]) -> str | None:
    """How to give the value of a name that does not exist."""
    from batuta.expr.errors import MissingNameError

    if not isinstance(error, MissingNameError):
        return None
    before = (error.template or "")[: error.offset or 0].rstrip()
    if before.endswith("inputs.") or (error.name == "inputs" and not before.endswith(".")):
        key = error.name if before.endswith("inputs.") else "key"
        return f"give it with `-i {key}=value`, or all variables with `--context FILE.json`"
    if error.name in context or before.endswith((".", "[")):
        return None
    return (
        f'write `{{"{error.name}": ...}}` into a JSON file and name it with `--context FILE.json`; '
        "`-i key=value` gives `inputs.key`"
    )


def _needs_server(fact: Fact) -> str:
    return (
        f"`{fact.kind}()` needs a server, which keeps what it reads; `batuta eval` has none\n"
        "  fix: use it in a flow, and run that with `batuta run FLOW.yaml` or on a server"
    )


def _run_cases(path: str) -> None:
    document = _read_json(path)
    cases = document.get("cases") if isinstance(document, dict) else None
    if not isinstance(cases, list):
        click.echo(f"{path}: not a file of cases: a map with a list `cases` is expected", err=True)
        raise SystemExit(2)
    failed = 0
    for case in cases:
        problem = _problem(case)
        if problem is not None:
            failed += 1
            click.echo(f"FAILED {case.get('name')}: {case.get('template')!r}\n  {problem}")
    click.echo(f"{len(cases) - failed} passed, {failed} failed")
    if failed:
        raise SystemExit(1)


def _problem(case: dict[str, object]) -> str | None:
    """What is wrong with the outcome of a case, or None."""
    from batuta import expr

    template, context = case.get("template"), case.get("context") or {}
    given = case.get("options") or {}
    options = (
        expr.Options(recursive=bool(given.get("recursive"))) if isinstance(given, dict) else expr.Options()
    )
    assert isinstance(context, dict)
    wanted = case.get("error")
    try:
        result = expr.render(template if template is None else str(template), context, options=options)
    except expr.ExpressionError as error:
        if wanted is None:
            return f"expected {case.get('expected')!r}, got {error.kind} error: {error.message}"
        return (
            None
            if wanted in (error.kind, "runtime")
            else f"expected {wanted} error, got {error.kind}: {error.message}"
        )
    except expr.MissingFact as missing:
        return f"needs the outside value {missing.fact}"
    if wanted is not None:
        return f"expected {wanted} error, got {result!r}"
    return None if result == case.get("expected") else f"expected {case.get('expected')!r}, got {result!r}"


if __name__ == "__main__":
    command()

"""`batuta eval`: render a template, or run a file of cases."""

from __future__ import annotations

import click


@click.command(name="eval")
@click.argument("template", required=False)
@click.option("--context", "context_file", type=click.Path(), help="A JSON file with the variables.")
@click.option("--recursive", is_flag=True, help="Repeat the rendering until the text stands still.")
@click.option("--cases", "cases_file", type=click.Path(), help="Run a file of cases instead of a template.")
def command(template: str | None, context_file: str | None, recursive: bool, cases_file: str | None) -> None:
    """Render TEMPLATE and print the result, or run the cases of a file.

    Exit codes: 0 done, 1 the template or a case failed, 2 a file cannot be read.
    """
    if cases_file is not None:
        _run_cases(cases_file)
    elif template is None:
        raise click.UsageError("Give a TEMPLATE or --cases FILE.")
    else:
        _render(template, context_file, recursive)


def _read_json(path: str) -> object:
    import json

    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        click.echo(f"{path}: {error}", err=True)
        raise SystemExit(2) from None


def _render(template: str, context_file: str | None, recursive: bool) -> None:
    from batuta import expr

    context = _read_json(context_file) if context_file is not None else {}
    if not isinstance(context, dict):
        click.echo(f"{context_file}: a context is a map of variables", err=True)
        raise SystemExit(2)
    try:
        click.echo(expr.render(template, context, options=expr.Options(recursive=recursive)))
    except expr.ExpressionError as error:
        click.echo(str(error), err=True)
        raise SystemExit(1) from None
    except expr.MissingFact as missing:
        click.echo(f"`{missing.fact.kind}` reads a value that only a server knows", err=True)
        raise SystemExit(1) from None


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

"""`batuta test PATH ...`: run the unit tests of flows, without a server and without waiting."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from batuta.testing.finding import Collection, FoundSuite
    from batuta.testing.report import SuiteResult
    from batuta.testing.suite import Case, Suite

FAILED = 1
"""Exit code when a test failed or could not be judged."""
INVALID = 2
"""Exit code when a suite cannot be run, or there is nothing to run."""


@click.command("test")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[PATH]...")
@click.option("--flow", "flow_name", metavar="FLOW", help="Only tests of this flow: `id` or `namespace.id`.")
@click.option(
    "--filter",
    "pattern",
    metavar="TEXT",
    help="Only tests with TEXT in `suite/test`; `*` and `?` may be used.",
)
@click.option(
    "--junit", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write JUnit XML."
)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Sentences or JSON.")
@click.option("--json", "output", flag_value="json", help="The same as `--output json`.")
@click.option("--allow-network", is_flag=True, help="Let tasks without a fixture reach the network.")
@click.option("--allow-processes", is_flag=True, help="Let tasks without a fixture start processes.")
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=60.0, help="Most real seconds of one test."
)
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Processes to use; by default what pays."
)
@click.option("--quiet", "-q", is_flag=True, help="Leave out what passed.")
def test(
    paths: Sequence[Path],
    flow_name: str | None,
    pattern: str | None,
    junit: Path | None,
    output: str,
    allow_network: bool,
    allow_processes: bool,
    timeout: float,
    jobs: int | None,
    quiet: bool,
) -> None:
    """Run the unit tests of flows, without a server.

    PATH is a file with a test suite, or a folder that is searched for suites and for the flows that they
    test; the present folder when none is named. Tasks run for real unless a test gives them a fixture; time
    passes at once, and neither the network nor processes can be reached unless that is allowed.

    Exit codes: 0 all passed, 1 a test failed, 2 a suite is wrong or there is nothing to run.
    """
    from batuta.testing import finding
    from batuta.testing.guard import Reach
    from batuta.testing.parallel import run_suites
    from batuta.testing.running import Rules

    begun = time.monotonic()
    found = finding.collect(paths or [Path()])
    chosen = [each for each in found.suites if _is_of_flow(each, flow_name)]
    reach = {Reach.NETWORK: allow_network, Reach.PROCESSES: allow_processes}
    rules = Rules(
        allowed=frozenset(each for each, is_allowed in reach.items() if is_allowed), most_seconds=timeout
    )
    results = run_suites(
        [each.suite for each in chosen if each.suite is not None],
        found.library,
        rules,
        wanted=lambda suite, case: _fits(suite, case, pattern),
        processes=jobs,
    )
    if junit is not None:
        _write_junit(junit, results, chosen)
    if output == "json":
        _print_json(results, chosen)
    else:
        _print_text(results, chosen, time.monotonic() - begun, quiet=quiet)
    sys.exit(_exit_code(results, chosen, found))


command = test


def _is_of_flow(found: FoundSuite, flow_name: str | None) -> bool:
    """The suite tests the flow; one with mistakes is told of always."""
    if flow_name is None or found.suite is None:
        return True
    return flow_name in (found.suite.flow_id, str(found.suite.flow_key))


def _fits(suite: Suite, case: Case, pattern: str | None) -> bool:
    if pattern is None:
        return True
    name, pattern = f"{suite.id}/{case.id}".lower(), pattern.lower()
    return fnmatchcase(name, f"*{pattern}*") or pattern in name


def _write_junit(path: Path, results: Sequence[SuiteResult], found: Sequence[FoundSuite]) -> None:
    from batuta.cli import junit
    from batuta.errors import InvalidRequest

    files = {f"{each.suite.namespace}.{each.suite.id}": each.file for each in found if each.suite is not None}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(junit.document(results, files), encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidRequest(f"`{path}` cannot be written: {reason}", mend="name another file") from None


def _print_json(results: Sequence[SuiteResult], found: Sequence[FoundSuite]) -> None:
    import msgspec

    from batuta.cli.test_report import summary

    click.echo(msgspec.json.format(msgspec.json.encode(summary(results, found)), indent=2).decode())


def _print_text(
    results: Sequence[SuiteResult], found: Sequence[FoundSuite], seconds: float, *, quiet: bool
) -> None:
    from batuta.cli import test_report

    for line in test_report.told(results, found, seconds, quiet=quiet):
        click.echo(line)


def _exit_code(results: Sequence[SuiteResult], chosen: Sequence[FoundSuite], found: Collection) -> int:
    from batuta.testing.report import Verdict

    if not results or any(each.mistakes for each in chosen):
        return INVALID
    return FAILED if any(each.state in (Verdict.FAILED, Verdict.ERROR) for each in results) else 0

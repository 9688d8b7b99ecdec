"""The command: many seeds over all cores, or one of them again."""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.run import Verdict, simulate


def main() -> int:
    """Simulate; 1 if the checker complained."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--verbose", action="store_true", help="tell everything that becomes durable")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes; all cores by default"
    )
    given = parser.parse_args()
    if given.seed is not None:
        verdict = simulate(given.seed, verbose=given.verbose)
        _tell(verdict)
        print(verdict)
        return int(bool(verdict.complaints))
    began = time.perf_counter()
    seeds = range(given.first, given.first + given.seeds)
    failed = commits = executions = task_runs = 0
    virtual = 0.0
    with ProcessPoolExecutor(given.jobs) as pool:
        for verdict in pool.map(simulate, seeds, chunksize=8):
            failed += bool(verdict.complaints)
            commits += verdict.commits
            executions += verdict.executions
            task_runs += verdict.task_runs
            virtual += verdict.virtual_seconds
            _tell(verdict)
    print(
        f"{given.seeds} seeds from {given.first}: {failed} failed; {executions} executions, "
        f"{task_runs} task runs, {commits} commits, {virtual / 3600:.0f} virtual hours "
        f"in {time.perf_counter() - began:.0f} s"
    )
    return int(failed > 0)


def _tell(verdict: Verdict) -> None:
    if verdict.complaints:
        print(f"seed {verdict.seed} (again: python -m tests.simulation --seed {verdict.seed} --verbose)")
        for complaint in verdict.complaints:
            print(f"  {complaint}")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

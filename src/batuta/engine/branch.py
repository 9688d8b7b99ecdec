"""Which list of children a parent is working through, and when it is through with all (flow spec §5.3, §5.4).

The same rules hold for the flow itself and for every flowable.
"""

from __future__ import annotations

import msgspec

from batuta.engine.ledger import Ledger
from batuta.engine.outline import ERRORS, FINALLY


class Main(msgspec.Struct, frozen=True):
    """How the main list of a parent stands."""

    name: str
    failed: bool
    ended: bool
    """All of it has run, or will not run any more."""


def selected(ledger: Ledger, parent_id: str | None, task_id: str | None, main: Main) -> str | None:
    """The list to go through now; None when a failure leaves nothing to do.

    A failed run that will be tried again is RETRYING, so FAILED always means for good.
    """
    errors = ledger.outline.branch(task_id, ERRORS)
    final = ledger.outline.branch(task_id, FINALLY)
    if ledger.tally(parent_id, FINALLY).total:
        return FINALLY
    handled = ledger.tally(parent_id, ERRORS)
    if handled.total or main.failed:
        if errors and (not final or handled.ended < len(errors)):
            return ERRORS
        return FINALLY if final else None
    return FINALLY if final and main.ended else main.name


def is_through(
    ledger: Ledger, parent_id: str | None, task_id: str | None, branch: str | None, main: Main
) -> bool:
    """Every task of the selected list has a run that ended, so that the parent ends too."""
    if branch is None:
        return True
    if branch == main.name:
        return main.ended
    return ledger.tally(parent_id, branch).ended >= len(ledger.outline.branch(task_id, branch))

"""The exception tree: what is wrong, where, and how to mend it.

Five kinds, told apart by who can mend them: `FlowError` (the author of a flow), `RequestError` (the caller of
the API), `TaskError` (the task failed, an ordinary outcome), `OperatorError` (whoever runs the server) and
`Bug` (we). `web/problem.py` maps classes to status codes in one table; nothing else knows HTTP.
"""

from __future__ import annotations

from typing import ClassVar


class BatutaError(Exception):
    """Something that a person can mend.

    Attributes:
        what: one sentence that says what is wrong.
        where: the place, as a path in a document, a file or an address; None when there is only one.
        mend: what to do about it; None when nothing better than `what` can be said.
        code: a stable name of the kind of error, by which documentation and clients know it.
    """

    code: ClassVar[str] = "error"

    def __init__(self, what: str = "", *, where: str | None = None, mend: str | None = None) -> None:
        self.what = what or (type(self).__doc__ or "").strip().split("\n")[0]
        self.where = where
        self.mend = mend
        super().__init__(self.what)

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  at {self.where}")
        if self.mend:
            lines.append(f"  fix: {self.mend}")
        return "\n".join(lines)


class FlowError(BatutaError):
    """A flow document or one of its expressions is wrong."""

    code = "flow.invalid"


class RequestError(BatutaError):
    """A request asks for something that cannot be done."""

    code = "request.invalid"


class NotFound(RequestError):
    """What the request names does not exist."""

    code = "request.not-found"


class Conflict(RequestError):
    """The object is not in a state in which this can be done."""

    code = "request.conflict"


class AlreadyExists(RequestError):
    """An object of this name exists already."""

    code = "request.already-exists"


class InvalidRequest(RequestError):
    """An argument of the request is wrong."""

    code = "request.invalid-argument"


class TaskError(BatutaError):
    """A task failed: an ordinary outcome, shown in the log of its attempt."""

    code = "task.failed"


class TaskTimeout(TaskError):
    """A task ran longer than its `timeout`."""

    code = "task.timeout"


class TaskKilled(TaskError):
    """A task was asked to stop."""

    code = "task.killed"


class Outdated(Conflict):
    """Somebody else has changed the object since it was read."""

    code = "request.outdated"


class AlreadyFired(Conflict):
    """The trigger has dealt with this occasion before."""

    code = "trigger.already-fired"


class OperatorError(BatutaError):
    """The machine or the configuration does not allow this."""

    code = "operator"


class MissingExtra(OperatorError):
    """A task type needs an optional library that is not installed."""

    code = "operator.missing-extra"

    def __init__(self, owner: str, extra: str) -> None:
        super().__init__(
            f"`{owner}` needs an optional library that is not installed",
            mend=f"run `pip install 'batuta[{extra}]'`",
        )


class StoreError(OperatorError):
    """The database refused or could not be reached."""

    code = "operator.store"


class UnstorableValue(StoreError):
    """A value is of a kind that the database cannot hold; trying again does not help."""

    code = "operator.unstorable-value"


class NewerDatabase(StoreError):
    """The database was written by a newer version of Batuta."""

    code = "operator.newer-database"


class Bug(BatutaError):
    """A rule of the program itself was broken."""

    code = "bug"

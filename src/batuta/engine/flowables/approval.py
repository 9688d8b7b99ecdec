"""A decision that people take, with what follows from each (flow spec §6.12)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from batuta.engine.flowables.base import Begun, Child, Flowable, next_in_sequence
from batuta.engine.scope import Scope
from batuta.plugin.registry import plugin
from batuta.plugin.task import AnyTask

ON_WAIT = "onWait"


class Decision(StrEnum):
    """How an approval was decided."""

    APPROVED = "APPROVED"
    DENIED = "DENIED"
    EXPIRED = "EXPIRED"


class Behavior(StrEnum):
    """What a decision does once its tasks have run."""

    CONTINUE = "CONTINUE"
    WARN = "WARN"
    FAIL = "FAIL"
    SUCCEED = "SUCCEED"
    CANCEL = "CANCEL"
    KILL = "KILL"


class CommentRequired(StrEnum):
    """Which decisions need a comment."""

    NEVER = "NEVER"
    ALWAYS = "ALWAYS"
    ON_DENY = "ON_DENY"
    ON_APPROVE = "ON_APPROVE"


@plugin("io.kestra.plugin.core.flow.Approval")
class Approval(Flowable):
    """Ask people to approve or deny, and wait for their decision.

    ```yaml
    id: release
    type: io.kestra.plugin.core.flow.Approval
    commentRequired: ON_DENY
    timeout: P2D
    onDeny:
      - id: tell
        type: io.kestra.plugin.core.log.Log
        message: "denied: {{ outputs.release.comment }}"
    ```
    """

    inputs: Annotated[list[Any], Meta(description="Inputs asked for in the review.")] = []
    decisions: Annotated[
        dict[str, str], Meta(description="What the choices `approve` and `deny` are called.")
    ] = {}
    comment_required: Annotated[CommentRequired, Meta(description="When a comment is needed.")] = (
        CommentRequired.NEVER
    )
    auto_approve: Annotated[bool, Meta(description="Approve at once, without asking.")] = False
    approve_behavior: Annotated[Behavior, Meta(description="What follows on `onApprove`.")] = (
        Behavior.CONTINUE
    )
    deny_behavior: Annotated[Behavior, Meta(description="What follows on `onDeny`.")] = Behavior.CANCEL
    expire_behavior: Annotated[
        Behavior, Meta(description="What follows when nobody decides within `timeout`.")
    ] = Behavior.CANCEL
    on_wait: Annotated[list[AnyTask], Meta(description="Tasks that run before the wait.")] = []
    on_approve: Annotated[list[AnyTask], Meta(description="Tasks that run when it is approved.")] = []
    on_deny: Annotated[list[AnyTask], Meta(description="Tasks that run when it is denied.")] = []

    def begin(self, scope: Scope) -> Begun:
        """Approve at once, or begin with what comes before the wait."""
        if self.auto_approve:
            decision = Decision.APPROVED
            return Begun(
                memo={"list": list_of(decision), "decision": decision.value},
                outputs={"decision": decision.value, "auto": True},
            )
        return Begun(memo={"list": ON_WAIT})

    def main(self, scope: Scope) -> str:
        """The list whose turn it is."""
        return str(scope.memo["list"])

    def size(self, scope: Scope) -> int:
        """The tasks of the list; before the decision there is always one more thing to come."""
        return super().size(scope) + (self.main(scope) == ON_WAIT)

    def next_children(self, scope: Scope) -> Iterable[Child]:
        """One after the other."""
        return next_in_sequence(scope, self.main(scope))

    def rests(self, scope: Scope) -> bool:
        """All that comes before the wait has run."""
        tally = scope.tally(ON_WAIT)
        is_ready = tally.ended >= len(scope.branch(ON_WAIT)) and not tally.failed
        return self.main(scope) == ON_WAIT and is_ready

    def behavior(self, decision: Decision) -> Behavior:
        """What follows on a decision."""
        match decision:
            case Decision.APPROVED:
                return self.approve_behavior
            case Decision.DENIED:
                return self.deny_behavior
            case Decision.EXPIRED:
                return self.expire_behavior


def list_of(decision: Decision) -> str:
    """The tasks that follow on a decision; there are none for an expiry."""
    return {Decision.APPROVED: "onApprove", Decision.DENIED: "onDeny"}.get(decision, "onExpire")

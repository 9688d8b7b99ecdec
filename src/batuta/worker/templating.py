"""A task that was written down by a template: from the rendered text to the document form of a task."""

from __future__ import annotations

from batuta.errors import TaskError
from batuta.flows.document import Unreadable
from batuta.flows.reader import ReadLimits, load
from batuta.flows.tasks import COMMON
from batuta.model.task import Task
from batuta.plugin import registry
from batuta.plugin.task import InlineTask, RunnableTask

TEMPLATED = "io.kestra.plugin.core.templating.TemplatedTask"


def task_of(text: str, holder: Task) -> Task:
    """The task that a text describes, under the id of the one that holds the text.

    Raises:
        TaskError: the text describes none, or one that does not run on a worker.
    """
    try:
        document = load(text, ReadLimits()).data
    except Unreadable as error:
        raise TaskError(f"spec: {error.message} (line {error.mark.line})", mend=error.hint) from None
    if not isinstance(document, dict) or not isinstance(document.get("type"), str):
        raise TaskError("spec: the text is not a task", mend="write a map with a `type` and its properties")
    written = document["type"]
    name = registry.canonical(written)
    if name is None:
        near = registry.nearest(written)
        raise TaskError(f"Invalid type: {written}", mend=f"did you mean `{near}`?" if near else None)
    if name == TEMPLATED:
        raise TaskError(f"The templated task cannot be of type '{TEMPLATED}'")
    if not issubclass(registry.load(name), RunnableTask | InlineTask):
        raise TaskError(
            "The templated task must be a runnable task",
            mend=f"`{written}` arranges other tasks; write it into the flow itself",
        )
    properties = {key: value for key, value in document.items() if key not in COMMON}
    return Task(id=holder.id, type=name, written_type=written, properties=properties)

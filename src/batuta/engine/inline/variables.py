"""Variables that a running execution gives itself (flow spec §7)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.engine.inline.base import Update, UpdatingTask
from batuta.errors import TaskError
from batuta.model.execution import Execution
from batuta.plugin.registry import plugin


def deep_merged(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both maps; where both hold a map it is merged too, elsewhere the second wins."""
    result = dict(base)
    for key, value in other.items():
        present = result.get(key)
        result[key] = (
            deep_merged(present, value) if isinstance(present, dict) and isinstance(value, dict) else value
        )
    return result


@plugin("io.kestra.plugin.core.execution.SetVariables")
class SetVariables(UpdatingTask):
    """Set variables of the execution; later tasks read them as `vars.<name>`.

    ```yaml
    id: remember
    type: io.kestra.plugin.core.execution.SetVariables
    variables:
      rows: "{{ outputs.count.value }}"
    ```
    """

    variables: Annotated[dict[str, Any], Meta(description="Names and values; maps are merged.")]
    overwrite: Annotated[bool, Meta(description="Whether variables that exist may change.")] = True

    def update(self, execution: Execution, variables: dict[str, Any]) -> Update:
        """Merge the variables over those of the execution."""
        if not self.overwrite:
            known = [name for name in self.variables if name in variables]
            if known:
                raise TaskError(
                    "`overwrite` is set to false and the following variables already exist: "
                    + ",".join(known)
                )
        return Update(variables=deep_merged(variables, self.variables))


@plugin("io.kestra.plugin.core.execution.UnsetVariables")
class UnsetVariables(UpdatingTask):
    """Remove variables of the execution.

    ```yaml
    id: forget
    type: io.kestra.plugin.core.execution.UnsetVariables
    variables: [rows]
    ignoreMissing: true
    ```
    """

    variables: Annotated[list[str], Meta(description="Names; dots lead into maps.")]
    ignore_missing: Annotated[
        bool, Meta(description="Whether a variable that does not exist is no error.")
    ] = False

    def update(self, execution: Execution, variables: dict[str, Any]) -> Update:
        """Take the variables out."""
        result = deep_merged({}, variables)
        for name in self.variables:
            *parents, leaf = name.split(".")
            holder: Any = result
            for part in parents:
                holder = holder.get(part) if isinstance(holder, dict) else None
            if not isinstance(holder, dict) or leaf not in holder:
                if self.ignore_missing:
                    continue
                raise TaskError(
                    f"There is no variable `{name}` to remove", mend="set `ignoreMissing: true` to go on"
                )
            result = _without(result, name.split("."))
        return Update(variables=result)


def _without(tree: dict[str, Any], path: list[str]) -> dict[str, Any]:
    first, *rest = path
    if not rest:
        return {key: value for key, value in tree.items() if key != first}
    return {key: _without(value, rest) if key == first else value for key, value in tree.items()}

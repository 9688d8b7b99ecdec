"""Where settings come from: the command line wins over the environment, the environment over the defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from batuta.errors import OperatorError
from batuta.nearness import nearest
from batuta.settings.tree import Settings

PREFIX = "BATUTA_"
"""`BATUTA_WORKER_SLOTS=4` sets `worker_slots`."""
NOT_SETTINGS = frozenset({"BATUTA_DEBUG", "BATUTA_SERVER"})
"""Variables with the prefix that the command line itself reads."""


def settings(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """The settings in force; members of `given` that are None count as not given.

    Raises:
        OperatorError: a variable has a value that does not fit, or a name that looks like a misspelt setting.
    """
    environment = os.environ if environment is None else environment
    known = {field.name for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in known:
            values[name] = value
        elif near := nearest(name, known):
            raise OperatorError(
                f"`{variable}` is not a setting", mend=f"did you mean `{PREFIX}{near.upper()}`?"
            )
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return msgspec.convert(values, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise OperatorError(
            f"A setting is wrong: {error}",
            mend=f"settings come from the command line and from variables that begin with `{PREFIX}`",
        ) from None


def _decode(kind: type[Any], value: Any) -> Any:
    return kind(value)

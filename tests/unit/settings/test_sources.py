"""Which source of a setting wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from batuta.errors import OperatorError
from batuta.settings.sources import settings


def test_a_variable_sets_a_setting_and_the_command_line_wins():
    found = settings({"BATUTA_WORKER_SLOTS": "4", "BATUTA_PORT": "9000", "HOME": "/"}, port=8081, host=None)

    assert (found.worker_slots, found.port, found.host) == (4, 8081, "127.0.0.1")


def test_paths_and_flags_are_read_from_text():
    found = settings({"BATUTA_DATA_DIR": "/data", "BATUTA_RECURSIVE_RENDERING": "true"})

    assert found.data_dir == Path("/data")
    assert found.recursive_rendering is True


def test_a_value_that_does_not_fit_is_an_error_that_names_it():
    with pytest.raises(OperatorError, match="worker_slots"):
        settings({"BATUTA_WORKER_SLOTS": "many"})


def test_a_misspelt_name_is_an_error_with_a_hint():
    with pytest.raises(OperatorError) as raised:
        settings({"BATUTA_WORKER_SLOT": "4"})

    assert raised.value.mend == "did you mean `BATUTA_WORKER_SLOTS`?"

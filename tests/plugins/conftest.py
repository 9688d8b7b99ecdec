"""A workshop per test."""

import pytest

from tests.support.workshop import workshop


@pytest.fixture
async def shop(tmp_path):
    async with workshop(tmp_path) as shop:
        yield shop

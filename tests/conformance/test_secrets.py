"""Secrets come from the environment and never show in text (stores spec §A14)."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.model.masking import LEAST_LENGTH, MASK, Masker
from batuta.secrets.environment import EnvironmentSecrets


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_values_are_decoded_and_names_do_not_depend_on_case():
    long = "line one\n" * 20
    wrapped = base64.encodebytes(long.encode()).decode()
    secrets = EnvironmentSecrets({"SECRET_TOKEN": encoded("pässword"), "secret_long": wrapped, "OTHER": "x"})

    assert await secrets.get("any.namespace", "token") == "pässword"
    assert await secrets.get("other", "LONG") == long
    assert await secrets.get("any", "other") is None
    assert await secrets.keys("any") == ["LONG", "TOKEN"]


@pytest.mark.parametrize("value", ["not base64!", "abc", base64.b64encode(b"\xff\xfe").decode()])
async def test_what_is_not_base64_of_text_is_left_out_and_logged_without_its_value(caplog, value):
    secrets = EnvironmentSecrets({"SECRET_BAD": value, "SECRET_GOOD": encoded("x")})

    assert await secrets.keys("any") == ["GOOD"]
    [record] = caplog.records
    assert record.variable == "SECRET_BAD"
    assert value not in record.getMessage()


async def test_the_environment_is_read_once(monkeypatch):
    monkeypatch.setenv("SECRET_A", encoded("one"))
    secrets = EnvironmentSecrets()
    monkeypatch.setenv("SECRET_A", encoded("two"))

    assert await secrets.get("any", "a") == "one"


@pytest.mark.parametrize(
    "form",
    [
        str,
        encoded,
        lambda text: encoded(text).rstrip("="),
        quote,
        lambda text: quote(text, safe=""),
        quote_plus,
        json.dumps,
        lambda text: json.dumps({"key": text}, ensure_ascii=False),
    ],
)
def test_a_secret_is_masked_in_every_form(form):
    secret = 'p@ss "wörd"/1 + 2\\'
    masker = Masker([secret])

    masked = masker.mask(f"before {form(secret)} after")

    assert MASK in masked
    assert form(secret).strip('{}"') not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


def test_each_line_of_a_secret_is_masked():
    key = "-----BEGIN KEY-----\nabcdef\nghijkl\n-----END KEY-----\n"
    masker = Masker([key])

    assert masker.mask(f"a {key} b") == f"a {MASK} b"
    assert masker.mask("only ghijkl here") == f"only {MASK} here"


def test_a_secret_that_contains_another_is_masked_as_a_whole():
    masker = Masker(["abc", "abcdef"])

    assert masker.mask("abcdef abc") == f"{MASK} {MASK}"


def test_values_may_be_added_later_and_tiny_ones_are_not_masked():
    masker = Masker()
    assert not masker
    masker.add("", "a", "  ", "longer")

    assert masker.mask("a longer banana") == f"a {MASK} banana"


def test_text_is_left_alone_and_at_no_cost_when_there_are_no_secrets():
    masker = Masker()
    text = "x" * 1_000_000
    start = time.perf_counter()
    for _ in range(10_000):
        assert masker.mask(text) is text
    assert time.perf_counter() - start < 0.5


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=LEAST_LENGTH, max_size=12), max_size=5
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
def test_no_secret_survives_masking(secrets, around):
    masker = Masker(secrets)
    text = around.join(["", *secrets, ""])

    masked = masker.mask(text)

    for secret in secrets:
        if len(secret.strip()) >= LEAST_LENGTH and not set(secret) <= {"*"} and secret not in around + MASK:
            assert secret not in masked.replace(MASK, "\0")

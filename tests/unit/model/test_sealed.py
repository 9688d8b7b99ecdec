"""Sealed values: any data comes back as it was, and no text with a secret is left (stores spec §A14)."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from batuta.model import sealed
from batuta.model.masking import Masker
from batuta.secrets.cipher import Cipher

SECRET = "open sesame ✓"
KEY = base64.b64encode(b"k" * 32).decode()

texts = st.one_of(st.text(), st.just(SECRET), st.text().map(lambda text: f"{text}{SECRET}"))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=20,
)


@given(values)
def test_data_comes_back_as_it_was_and_shows_no_secret_meanwhile(value):
    cipher = Cipher(KEY, Path())
    masker = Masker([SECRET])

    kept = sealed.sealed(value, masker.holds, cipher.encrypt)

    assert sealed.opened(kept, cipher.decrypt) == value
    assert SECRET not in json.dumps(kept, ensure_ascii=False)
    assert (kept is value) == (not sealed.has_sealed(kept))


@given(st.text(), st.sampled_from([16, 24, 32]), st.text())
def test_any_text_can_be_encrypted_with_a_key_of_any_length(text, length, bound_to):
    cipher = Cipher(base64.b64encode(b"x" * length).decode(), Path())

    assert cipher.decrypt(cipher.encrypt(text)) == text
    assert cipher.open(cipher.seal(text, bound_to), bound_to) == text


@given(texts)
def test_where_only_text_can_stand_a_sealed_text_is_text(text):
    cipher = Cipher(KEY, Path())

    kept = sealed.sealed_text(text, Masker([SECRET]).holds, cipher.encrypt)

    assert isinstance(kept, str)
    assert SECRET not in kept
    assert sealed.opened(kept, cipher.decrypt) == text


def test_names_of_members_that_hold_a_secret_are_left_out_with_what_they_name():
    masker = Masker([SECRET])

    kept = sealed.sealed({SECRET: 1, "b": 2}, masker.holds, lambda text: {"type": sealed.TYPE, "value": "x"})

    assert kept == {"b": 2}


def test_the_texts_that_were_sealed_are_told():
    cipher = Cipher(KEY, Path())
    value = {"a": cipher.encrypt("one"), "b": ["plain", cipher.encrypt("two")]}

    assert list(sealed.texts(value, sealed.opened(value, cipher.decrypt))) == ["one", "two"]

"""Encryption of values that are kept."""

from __future__ import annotations

import base64
import stat

import pytest

from batuta.errors import OperatorError
from batuta.model.sealed import TYPE, is_sealed
from batuta.secrets.cipher import KEY_FILE, Cipher


def test_what_was_encrypted_can_be_read_again(tmp_path):
    cipher = Cipher(None, tmp_path)

    kept = cipher.encrypt("open sesame ✓")

    assert is_sealed(kept)
    assert kept["type"] == TYPE
    assert "sesame" not in base64.b64decode(kept["value"]).decode("latin-1")
    assert Cipher(None, tmp_path).decrypt(kept) == "open sesame ✓"


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    Cipher(None, tmp_path).encrypt("x")

    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


def test_no_key_is_made_before_it_is_needed(tmp_path):
    Cipher(None, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_another_key_says_what_to_do(tmp_path):
    kept = Cipher(base64.b64encode(b"a" * 32).decode(), tmp_path).encrypt("x")

    with pytest.raises(OperatorError, match="another key"):
        Cipher(base64.b64encode(b"b" * 32).decode(), tmp_path).decrypt(kept)


@pytest.mark.parametrize("key", ["short", "%%%", base64.b64encode(b"x" * 5).decode()])
def test_a_wrong_key_is_refused_in_words(tmp_path, key):
    with pytest.raises(OperatorError, match="not 16, 24 or 32 bytes"):
        Cipher(key, tmp_path).encrypt("x")

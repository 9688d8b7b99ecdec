"""Every flow in the documentation is valid, and so are those of the examples."""

from __future__ import annotations

import re

import pytest
import yaml

from batuta.cli import check
from tests.docs.documents import ROOT, Block, every

FLOWS = [block for block in every("yaml") if re.search(r"^tasks:", block.text, re.MULTILINE)]


@pytest.mark.parametrize("block", FLOWS, ids=lambda block: block.name)
def test_a_flow_on_a_page_passes_check(block: Block, tmp_path):
    path = tmp_path / "flow.yaml"
    path.write_text(block.text)

    assert [check.told(each) for each in check.findings_of(path)] == []


def test_any_other_block_is_yaml():
    for block in every("yaml"):
        assert yaml.safe_load(block.text) is not None, block.name


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.yaml")), ids=lambda path: path.name)
def test_an_example_passes_check(path):
    assert [check.told(each) for each in check.findings_of(path)] == []

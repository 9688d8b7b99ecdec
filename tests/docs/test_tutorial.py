"""The tutorial, followed from its first page to its last by a reader who types what it says."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from tests.docs.documents import ROOT, blocks
from tests.docs.tutorial_pages import reading
from tests.support.services.daemon import free_port

TUTORIAL = ROOT / "docs" / "tutorial"
LANGUAGES = {"console", "yaml", "text", "shell"}


def pages() -> list[Path]:
    """The pages in the order of the first one."""
    return [TUTORIAL / name for name in re.findall(r"\((\S+\.md)\)", (TUTORIAL / "README.md").read_text())]


def test_every_page_is_listed_and_leads_to_the_next():
    listed = pages()

    assert set(listed) == set(TUTORIAL.glob("*.md")) - {TUTORIAL / "README.md"}
    for page, following in pairwise(listed):
        assert page.read_text().rstrip().splitlines()[-1].endswith(f"({following.name}).")


def test_its_commands_print_what_it_shows(tmp_path: Path):
    port = free_port()
    folder, programs = tmp_path / "tutorial", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    here = {"BATUTA_PORT": str(port), "BATUTA_SERVER": f"http://localhost:{port}"}

    with reading(folder, programs, {"localhost:8080": f"localhost:{port}"}, **here) as reader:
        reader.follow(*pages())

    assert len(reader.printed) > 15


def test_its_blocks_are_of_languages_that_the_reader_understands():
    assert {block.language for page in pages() for block in blocks(page)} <= LANGUAGES

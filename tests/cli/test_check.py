"""`batuta check`: findings, exit codes and both ways to print."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from batuta.cli.check import check

GOOD = """id: good
namespace: n
tasks:
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: hi
"""
WARNED = GOOD.replace("message: hi", 'message: "{{ inputs.nobody }}"')
BROKEN = GOOD.replace("message", "mesage")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "broken.yml").write_text(BROKEN)
    (tmp_path / "notes.txt").write_text("not a flow")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.yaml").write_text("a: [")
    return tmp_path


def run(*arguments, input=None):
    return CliRunner().invoke(check, [str(each) for each in arguments], input=input)


def test_a_good_flow_has_nothing_wrong(folder):
    result = run(folder / "good.yaml")

    assert (result.exit_code, result.output) == (0, "1 file: no errors, no warnings\n")


def test_all_findings_of_all_files_are_told_with_place_frame_and_fix(folder):
    result = run(folder)

    broken = folder / "below" / "broken.yml"
    assert result.exit_code == 2
    assert f'{broken}:6:5: error: tasks[say].mesage: Unrecognized field "mesage"' in result.output
    assert "  6 |     mesage: hi\n    |     ^^^^^^\n  fix: did you mean `message`?" in result.output
    assert f"{broken}:4:5: error: tasks[say].message: must not be null" in result.output
    assert result.output.endswith("2 files: 2 errors, no warnings\n")


def test_warnings_alone_leave_the_exit_code_at_0(tmp_path):
    (tmp_path / "warned.yaml").write_text(WARNED)

    result = run(tmp_path)

    assert result.exit_code == 0
    assert ":6:25: warning: tasks[say].message: the flow has no input `nobody`" in result.output
    assert "1 file: no errors, 1 warning" in result.output
    assert "nobody" not in run(tmp_path, "--quiet").output


def test_warnings_fail_when_they_are_told_to(tmp_path):
    (tmp_path / "warned.yaml").write_text(WARNED)

    assert run(tmp_path, "--strict").exit_code == 2
    assert "nobody" in run(tmp_path, "--strict", "--quiet").output
    (tmp_path / "warned.yaml").write_text(GOOD)
    assert run(tmp_path, "--strict").exit_code == 0


def test_json_holds_the_same(folder):
    result = run(folder, "--output", "json")

    told = json.loads(result.output)
    assert result.exit_code == 2
    assert (told["files"], told["errors"], told["warnings"]) == (2, 2, 0)
    assert told["findings"][1] == {
        "file": str(folder / "below" / "broken.yml"),
        "severity": "error",
        "message": told["findings"][1]["message"],
        "line": 6,
        "column": 5,
        "path": "tasks[say].mesage",
        "pointer": "/tasks/0/mesage",
        "code": "flow.unknown-property",
        "hint": "did you mean `message`?",
        "frame": "5 |     type: io.kestra.plugin.core.log.Log\n6 |     mesage: hi\n  |     ^^^^^^",
    }


def test_lines_count_through_all_documents_of_a_file(tmp_path):
    (tmp_path / "two.yaml").write_text(f"{GOOD}---\n{BROKEN}")

    result = run(tmp_path / "two.yaml")

    assert "two.yaml:13:5: error" in result.output
    assert "  13 |     mesage: hi" in result.output


def test_old_spellings_are_notes(tmp_path):
    (tmp_path / "old.yaml").write_text(GOOD + "    runIf: 'true'\n")

    result = run(tmp_path)

    assert result.exit_code == 0
    assert "note: tasks[say].runIf: `runIf` is replaced by `when`" in result.output


def test_a_file_that_cannot_be_read_gets_one_sentence(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(b"id: caf\xe9\n")

    result = run(tmp_path / "latin.yaml", tmp_path / "missing.yaml")

    assert result.exit_code == 2
    assert "latin.yaml:1:1: error: the file is not a text in UTF-8\n  fix: save it in UTF-8" in result.output
    assert "missing.yaml:1:1: error: the file cannot be read: no such file or directory" in result.output


def test_standard_input_is_read_for_a_dash():
    assert run("-", input=BROKEN).exit_code == 2


def test_a_folder_without_flows_says_so(tmp_path):
    assert run(tmp_path).output == "no flow files found (.yaml or .yml)\n"

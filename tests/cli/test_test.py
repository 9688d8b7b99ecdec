"""`batuta test`: which suites are found, what is printed, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as xml

import pytest
from click.testing import CliRunner

from batuta.cli import check, loading
from batuta.cli.test import test as command
from tests.docs.documents import ROOT, blocks

FLOW = """\
id: greet
namespace: acme
inputs:
  - {id: name, type: STRING, defaults: Ada}
tasks:
  - {id: hello, type: io.kestra.plugin.core.debug.Return, format: "hello {{ inputs.name }}"}
  - {id: send, type: io.kestra.plugin.core.http.Request, uri: "http://127.0.0.1:9/"}
errors:
  - {id: tell, type: io.kestra.plugin.core.log.Log, message: "it failed"}
"""
SUITE = """\
id: greetings
namespace: acme
flowId: greet
testCases:
  - id: says_hello
    type: io.kestra.core.tests.flow.UnitTest
    fixtures:
      tasks: [{id: send}]
    assertions:
      - {value: "{{ outputs.hello.value }}", equalTo: hello Ada, contains: Ada}
  - id: says_goodbye
    type: io.kestra.core.tests.flow.UnitTest
    fixtures:
      tasks: [{id: send}]
    assertions:
      - value: "{{ outputs.hello.value }}"
        startsWith: goodbye
        errorMessage: it should have said goodbye
  - id: sends
    type: io.kestra.core.tests.flow.UnitTest
    assertions:
      - {value: "{{ execution.state }}", equalTo: FAILED}
  - id: later
    type: io.kestra.core.tests.flow.UnitTest
    disabled: true
    assertions: []
"""
GOOD = SUITE.partition("  - id: says_goodbye")[0]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "greet.yaml").write_text(FLOW)
    (tmp_path / "flows" / "greet.test.yaml").write_text(GOOD)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(command, [str(each) for each in arguments])


def report(*arguments):
    return json.loads(run(*arguments, "--json").stdout)


def states(document):
    return {case["testId"]: case["state"] for suite in document["results"] for case in suite["results"]}


# Finding


def test_suites_of_a_folder_are_run(folder):
    result = run(folder)

    assert result.exit_code == 0, result.output
    assert "  ✔ says_hello  2 assertions\n" in result.output
    assert "1 suite, 1 test: 1 passed in " in result.output


def test_the_flow_is_found_beside_its_suite_and_around_a_folder_of_tests(folder):
    tests = folder / "flows" / "tests"
    tests.mkdir()
    (folder / "flows" / "greet.test.yaml").rename(tests / "greet.yaml")

    assert run(tests / "greet.yaml").exit_code == 0
    assert run(tests).exit_code == 0


def test_a_suite_may_stand_in_the_file_of_its_flow(tmp_path):
    path = tmp_path / "both.yaml"
    path.write_text(f"{FLOW}---\n{SUITE}")

    document = report(path)

    failure = document["results"][0]["results"][1]["assertionResults"][0]
    assert path.read_text().splitlines()[failure["line"] - 1].strip().startswith("- value:")


def test_tests_are_chosen_by_flow_and_by_name(folder):
    (folder / "flows" / "greet.test.yaml").write_text(SUITE)

    assert list(states(report(folder, "--filter", "GOOD"))) == ["says_goodbye"]
    assert list(states(report(folder, "--filter", "greetings/says*"))) == ["says_hello", "says_goodbye"]
    assert len(states(report(folder, "--flow", "acme.greet"))) == 4
    assert len(states(report(folder, "--flow", "greet"))) == 4
    assert run(folder, "--flow", "other").exit_code == 2
    assert run(folder, "--filter", "nothing").exit_code == 2


def test_a_folder_without_suites_is_told(tmp_path):
    result = run(tmp_path)

    assert result.exit_code == 2
    assert result.output == "no test suites found: a suite is a YAML file with `testCases:`\n"


def test_flows_are_found_by_the_names_that_templates_give(folder):
    (folder / "flows" / "outer.yaml").write_text(
        "id: outer\nnamespace: acme\ninputs: [{id: flow, type: STRING, defaults: inner}]\ntasks:\n"
        "  - id: call\n    type: io.kestra.plugin.core.flow.Subflow\n"
        "    namespace: acme\n    flowId: '{{ inputs.flow }}'\n"
    )
    (folder / "flows" / "inner.yaml").write_text(
        "id: inner\nnamespace: acme\ntasks:\n"
        "  - {id: a, type: io.kestra.plugin.core.debug.Return, format: x}\n"
    )
    (folder / "flows" / "greet.test.yaml").write_text(
        "id: s\nnamespace: acme\nflowId: outer\ntestCases:\n  - id: c\n"
        "    type: io.kestra.core.tests.flow.UnitTest\n"
        "    assertions: [{value: '{{ execution.state }}', equalTo: SUCCESS}]\n"
    )

    assert run(folder).exit_code == 0


def test_suites_are_checked_with_flows_and_stored_with_none(folder):
    broken = folder / "flows" / "greet.test.yaml"
    broken.write_text(GOOD.replace("equalTo", "equals"))

    findings = [each.message for each in check.findings_of(broken)]
    flows, wrong = loading.read_file(broken)

    assert findings[0].startswith('Unrecognized field "equals"')
    assert (flows, wrong) == ([], [])


# Telling


def test_failures_errors_and_skipped_tests_are_told_with_what_to_do(folder):
    (folder / "flows" / "greet.test.yaml").write_text(SUITE)

    result = run(folder)

    assert result.exit_code == 1
    assert (
        """\
  ✔ says_hello  2 assertions
  ✘ says_goodbye  the execution ended as SUCCESS
      line 16: {{ outputs.hello.value }} startsWith
        it should have said goodbye
        expected: goodbye
        actual:   hello Ada
  ! sends  the execution ended as FAILED
      `send` (io.kestra.plugin.core.http.Request) would reach the network, which is blocked in tests
        fix: say what it gives with `fixtures: {tasks: [{id: send, outputs: {...}}]}`, \
or allow it with `--allow-network`
"""
        in result.output
    )
    assert "  - later  disabled\n  reached 3 of 3 tasks; only with fixtures: send\n" in result.output
    assert "1 suite, 4 tests: 1 passed, 1 failed, 1 with errors, 1 skipped in " in result.output


def test_quiet_leaves_out_what_passed(folder):
    (folder / "flows" / "greet.test.yaml").write_text(SUITE)

    output = run(folder, "--quiet").output

    assert "says_hello" not in output
    assert "says_goodbye" in output


def test_what_is_wrong_with_a_suite_is_told_with_its_place(folder):
    path = folder / "flows" / "greet.test.yaml"
    path.write_text(GOOD.replace("equalTo", "equals").replace("{id: send}", "{id: sent}"))
    (folder / "flows" / "other.yaml").write_text(GOOD.replace("flowId: greet", "flowId: gret"))
    (folder / "flows" / "third.yaml").write_text(GOOD.replace("{id: send}", "{id: sent}"))

    result = run(folder)

    assert result.exit_code == 2
    assert (
        f'{path}:10:46: error: testCases[says_hello].assertions[0].equals: Unrecognized field "equals"'
        in result.output
    )
    assert "  fix: did you mean `equalTo`?\n" in result.output
    assert "error: flowId: there is no flow acme.gret\n" in result.output
    assert "  fix: did you mean `acme.greet`?\n" in result.output
    assert "`sent` is not a task of the flow acme.greet\n" in result.output
    assert "  fix: did you mean `send`?\n" in result.output
    assert "no suites, no tests: 0 passed, 3 suites not run in " in result.output


def test_a_flow_that_is_wrong_is_told(folder):
    (folder / "flows" / "greet.yaml").write_text(FLOW.replace("format:", "fromat:"))

    result = run(folder)

    assert result.exit_code == 2
    assert (
        'the flow acme.greet is not valid: tasks[hello].fromat: Unrecognized field "fromat"' in result.output
    )
    assert f"fix: see what `batuta check {folder / 'flows' / 'greet.yaml'}` says" in result.output


def test_the_report_as_json_has_the_shape_of_the_api(folder):
    (folder / "flows" / "greet.test.yaml").write_text(SUITE)

    document = report(folder)

    assert {name: document[name] for name in ("state", "tests", "passed", "failed", "errors", "skipped")} == {
        "state": "ERROR",
        "tests": 4,
        "passed": 1,
        "failed": 1,
        "errors": 1,
        "skipped": 1,
    }
    suite = document["results"][0]
    assert (suite["testSuiteId"], suite["namespace"], suite["flowId"], suite["state"]) == (
        "greetings",
        "acme",
        "greet",
        "ERROR",
    )
    case = suite["results"][1]
    assert (case["testId"], case["testType"], case["state"]) == (
        "says_goodbye",
        "io.kestra.core.tests.flow.UnitTest",
        "FAILED",
    )
    assert case["fixtures"] == {"tasks": [{"id": "send"}]}
    assert case["assertionResults"] == [
        {
            "value": "{{ outputs.hello.value }}",
            "operator": "startsWith",
            "expected": "goodbye",
            "actual": "hello Ada",
            "isSuccess": False,
            "taskId": None,
            "description": None,
            "errorMessage": "it should have said goodbye",
            "line": 16,
        }
    ]
    assert suite["coverage"] == {"tasks": 3, "run": ["hello", "tell"], "mocked": ["send"], "missed": []}


def test_the_report_as_junit_can_be_read_by_build_servers(folder):
    (folder / "flows" / "greet.test.yaml").write_text(SUITE)
    target = folder / "out" / "tests.xml"

    run(folder, "--junit", target)

    root = xml.parse(target).getroot()
    assert root.attrib == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1", "time": "0.000"}
    cases = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert cases == {
        "says_hello": [],
        "says_goodbye": ["failure"],
        "sends": ["error", "system-err"],
        "later": ["skipped"],
    }
    failure = next(root.iter("failure"))
    assert (failure.get("message"), failure.text) == (
        "it should have said goodbye",
        "line 16\nexpected: goodbye\nactual: hello Ada",
    )


# Running


def test_the_same_suites_give_the_same_report_in_one_process_or_several(folder):
    more = "".join(GOOD.partition("testCases:\n")[2].replace("says_hello", f"t{n}") for n in range(12))
    (folder / "flows" / "greet.test.yaml").write_text(SUITE + more)

    first, second = run(folder, "--json").stdout, run(folder, "--json").stdout
    spread = run(folder, "--json", "--jobs", "2").stdout

    assert first == second == spread
    assert len(states(json.loads(first))) == 16


def test_a_test_that_takes_too_long_is_given_up(folder):
    (folder / "flows" / "greet.yaml").write_text(
        FLOW.replace(
            "errors:",
            "  - id: again\n    type: io.kestra.plugin.core.flow.LoopUntil\n    condition: '{{ false }}'\n"
            "    checkFrequency: {interval: PT1S, maxIterations: 9999999, maxDuration: P999D}\n"
            "    tasks: [{id: a, type: io.kestra.plugin.core.debug.Return, format: x}]\nerrors:",
        )
    )

    document = report(folder, "--timeout", "0.2")

    (case,) = document["results"][0]["results"]
    assert case["state"] == "ERROR"
    assert case["errors"][0]["message"].endswith("after 0.2 seconds of real time")


def test_assertions_see_the_end_of_the_execution(folder):
    (folder / "flows" / "greet.yaml").write_text(
        FLOW + "outputs: [{id: said, type: STRING, value: '{{ outputs.hello.value }}'}]\n"
    )
    (folder / "flows" / "greet.test.yaml").write_text(
        GOOD.replace(
            "      - {value",
            "      - {value: '{{ execution.outputs.said }}', equalTo: '{{ outputs.hello.value }}'}\n"
            "      - {value: '{{ inputs.name }}', in: [Ada, Bob]}\n"
            "      - {value: '{{ taskrun.id == taskrun.id }}', taskId: hello, equalTo: true}\n"
            "      - {value: '{{ outputs.nobody.knows }}', isNull: true}\n"
            "      - {value: '{{ trigger }}', isNotNull: false}\n"
            "      - {value",
        )
    )

    result = run(folder)

    assert result.exit_code == 0, result.output
    assert "7 assertions" in result.output


def test_an_assertion_on_what_is_not_there_is_an_error(folder):
    (folder / "flows" / "greet.test.yaml").write_text(
        GOOD.replace("outputs.hello.value", "outputs.helo.value")
    )

    (case,) = report(folder)["results"][0]["results"]

    assert case["state"] == "ERROR"
    assert case["errors"][0]["message"].startswith(
        "the assertion on `{{ outputs.helo.value }}` cannot be looked at: Unable to find `helo`"
    )


def test_wrong_inputs_are_an_error_of_the_test(folder):
    (folder / "flows" / "greet.yaml").write_text(FLOW.replace("type: STRING, defaults: Ada", "type: INT"))

    (case,) = report(folder)["results"][0]["results"]

    assert (case["state"], case["executionId"]) == ("ERROR", None)
    assert case["errors"][0]["message"] == "Missing required input:name"


def test_the_program_ends_with_the_code(folder):
    (folder / "flows" / "greet.test.yaml").write_text(SUITE)

    done = subprocess.run(
        [sys.executable, "-m", "batuta", "test", str(folder)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (1, "")


# The documentation


def test_the_examples_pass_their_tests():
    result = run(ROOT / "examples")

    assert result.exit_code == 0, result.output


def test_the_example_of_the_page_works(tmp_path, monkeypatch):
    page = ROOT / "docs" / "howto" / "test-flows.md"
    flow, suite = blocks(page, "yaml")
    (code,) = blocks(page, "python")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "orders.yaml").write_text(flow.text)
    (tmp_path / "flows" / "orders.test.yaml").write_text(suite.text)
    monkeypatch.chdir(tmp_path)

    told = run("flows").output
    names: dict = {}
    exec(code.text, names)
    names["test_orders_are_fetched_three_times"]()

    shown = next(block.text for block in blocks(page, "") if block.text.startswith("$ batuta test"))
    assert told.rpartition(" in ")[0] == shown.partition("\n")[2].rpartition(" in ")[0]

"""Results of tests as JUnit XML, which every build server can show."""

from __future__ import annotations

import xml.etree.ElementTree as xml
from collections.abc import Mapping, Sequence

from batuta.testing.report import CaseResult, SuiteResult, Verdict


def document(results: Sequence[SuiteResult], files: Mapping[str, str]) -> str:
    """The XML text. `files` gives the file of a suite by `namespace.id`; times are those of the tests'
    clocks."""
    root = xml.Element("testsuites", _counts([case for suite in results for case in suite.results]))
    for suite in results:
        name = f"{suite.namespace}.{suite.test_suite_id}"
        element = xml.SubElement(root, "testsuite", {"name": name, **_counts(suite.results)})
        for case in suite.results:
            _add_case(element, name, case, files.get(name))
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _counts(cases: Sequence[CaseResult]) -> dict[str, str]:
    states = [case.state for case in cases]
    return {
        "tests": str(len(states)),
        "failures": str(states.count(Verdict.FAILED)),
        "errors": str(states.count(Verdict.ERROR)),
        "skipped": str(states.count(Verdict.SKIPPED)),
        "time": f"{sum(case.duration for case in cases):.3f}",
    }


def _add_case(suite: xml.Element, name: str, case: CaseResult, file: str | None) -> None:
    place = {} if file is None else {"file": file, "line": str(case.line)}
    element = xml.SubElement(
        suite,
        "testcase",
        {"classname": name, "name": case.test_id, "time": f"{case.duration:.3f}", **place},
    )
    for problem in case.errors:
        told = xml.SubElement(element, "error", {"message": _fit(problem.message)})
        told.text = _fit(problem.details or problem.message)
    for result in case.assertion_results:
        if not result.is_success:
            message = result.error_message or f"{result.value} {result.operator} {result.expected}"
            told = xml.SubElement(element, "failure", {"message": _fit(message)})
            told.text = _fit(f"line {result.line}\nexpected: {result.expected}\nactual: {result.actual}")
    if case.state is Verdict.SKIPPED:
        xml.SubElement(element, "skipped")
    if case.log and case.state in (Verdict.FAILED, Verdict.ERROR):
        told = xml.SubElement(element, "system-err")
        told.text = _fit(
            "\n".join(f"{line.level} {line.task_id or '-'}: {line.message}" for line in case.log)
        )


def _fit(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return "".join(char for char in text if char in "\t\n" or (char >= " " and char not in "\ufffe\uffff"))

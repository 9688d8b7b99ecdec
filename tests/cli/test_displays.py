"""What a run looks like: plain lines, and the rows of the tree."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import msgspec
from rich.console import Console

from batuta.cli import conclusion, progress
from batuta.cli.plain import PlainDisplay
from batuta.cli.progress import LineView, RunView, Snapshot, in_words, shown_message
from batuta.cli.tree import MOST_SIBLINGS, TreeDisplay, rows
from batuta.model.state import History, Moment, State

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def history(*states: State, step: float = 1.0) -> History:
    return History(tuple(Moment(state, NOON + timedelta(seconds=step * n)) for n, state in enumerate(states)))


def run(
    task_id: str, *states: State, id: str = "", parent: str | None = None, value: str | None = None
) -> RunView:
    return RunView(
        id=id or task_id, task_id=task_id, parent_id=parent, value=value, history=history(*states), attempts=1
    )


def snapshot(*runs: RunView, states: tuple[State, ...] = (State.CREATED, State.RUNNING)) -> Snapshot:
    return Snapshot(id="e1", flow="team.flow", history=history(*states), runs=runs)


DONE = (State.CREATED, State.RUNNING, State.SUCCESS)


def written(*updates: tuple[Snapshot, list[LineView]]) -> list[list[str]]:
    stream = io.StringIO()
    display = PlainDisplay(stream)
    for each, lines in updates:
        display.update(each, lines)
    return [line.split()[1:] for line in stream.getvalue().splitlines()]


def test_plain_lines_tell_each_change_of_state_once():
    first = snapshot(run("load", State.CREATED, State.RUNNING))
    second = snapshot(run("load", *DONE))

    assert written((first, []), (first, []), (second, [])) == [
        ["team.flow", "RUNNING"],
        ["load", "RUNNING"],
        ["load", "SUCCESS", "after", "1.0", "s"],
    ]


def test_what_encloses_begins_before_what_is_inside_and_ends_after_it():
    # The child runs on after its parent has been marked as ended.
    inside = run("load", State.CREATED, State.RUNNING, State.RUNNING, State.SUCCESS, parent="each")
    whole = snapshot(run("each", *DONE), inside, states=DONE)

    told = written((whole, []))

    assert [row[0] for row in told] == ["team.flow", "each", "load", "load", "load", "each", "team.flow"]


def test_an_end_that_gave_way_to_another_one_is_not_told():
    told = written((snapshot(states=(*DONE, State.FAILED)), []))

    assert [row[1] for row in told] == ["RUNNING", "FAILED"]


def test_a_line_of_a_flow_that_comes_late_stands_before_its_end():
    line = LineView(at=NOON + timedelta(hours=1), level="ERROR", message="no outputs")

    told = written((snapshot(states=DONE), [line]))

    assert [row[0] for row in told] == ["team.flow", "ERROR", "team.flow"]


def test_debug_lines_are_for_those_who_ask_for_them():
    lines = [LineView(at=NOON, level=level, message=level) for level in ("TRACE", "DEBUG", "INFO")]
    quiet, loud = io.StringIO(), io.StringIO()

    PlainDisplay(quiet).update(snapshot(), lines)
    PlainDisplay(loud, verbose=True).update(snapshot(), lines)

    assert "DEBUG" not in quiet.getvalue()
    assert "DEBUG" in loud.getvalue()
    assert "TRACE" in loud.getvalue()


def test_a_line_of_the_log_stands_between_the_begin_and_the_end_of_its_task():
    line = LineView(at=NOON + timedelta(seconds=1), level="INFO", message="12 rows", task_id="load")

    told = written((snapshot(run("load", *DONE), states=(State.CREATED,)), [line]))

    assert told == [
        ["load", "RUNNING"],
        ["load", "INFO", "12", "rows"],
        ["load", "SUCCESS", "after", "1.0", "s"],
    ]


def test_the_value_of_an_iteration_stands_behind_the_task():
    told = written((snapshot(run("load", *DONE, value="north")), []))

    assert told[1] == ["load", "[north]", "RUNNING"]


def test_a_message_cannot_move_the_cursor():
    assert shown_message("a\x1b[2Jb\r") == "a�[2Jb�"


def test_children_stand_below_their_parent():
    tree = rows(
        snapshot(
            run("each", State.RUNNING, id="p"), run("load", *DONE, parent="p", value="a"), run("after", *DONE)
        ),
        NOON,
        20,
    )

    assert [(row.depth, row.name) for row in tree] == [(0, "each"), (1, "load [a]"), (0, "after")]


def test_many_ended_iterations_are_counted_and_failed_ones_are_shown():
    ended = [run("load", *DONE, id=str(n), parent="p", value=str(n)) for n in range(100)]
    failed = run("load", State.CREATED, State.RUNNING, State.FAILED, id="f", parent="p", value="bad")

    tree = rows(snapshot(run("each", State.RUNNING, id="p"), *ended, failed), NOON, 50)

    assert (tree[1].name, tree[1].state) == (f"{100 - MOST_SIBLINGS} more", State.SUCCESS)
    assert tree[-1].name == "load [bad]"
    assert len(tree) == 1 + 1 + MOST_SIBLINGS + 1


def test_the_tree_never_outgrows_its_room():
    under_way = [run("load", State.RUNNING, id=str(n), parent="p") for n in range(100)]

    tree = rows(snapshot(run("each", State.RUNNING, id="p"), *under_way), NOON, 10)

    assert len(tree) == 10
    assert tree[-1].name == "… 92 more"


def test_the_last_state_stays_on_the_terminal():
    screen = io.StringIO()
    display = TreeDisplay(Console(file=screen, force_terminal=True, width=100, height=30, color_system=None))
    line = LineView(at=NOON, level="WARN", message="slow", task_id="load")

    display.update(snapshot(run("load", *DONE), states=DONE), [line])
    display.close()

    assert "load" in screen.getvalue()
    assert "SUCCESS" in screen.getvalue()
    assert "slow" in screen.getvalue()


def on_terminal(final: Snapshot, lines: list[LineView]) -> str:
    screen = io.StringIO()
    display = TreeDisplay(Console(file=screen, force_terminal=True, width=60, height=30, color_system=None))
    display.update(final, lines)
    display.close()
    return screen.getvalue()


def ended(state: State, *runs: RunView) -> Snapshot:
    return msgspec.structs.replace(snapshot(*runs, states=(State.CREATED, State.RUNNING, state)), over=True)


FAILED = (State.CREATED, State.RUNNING, State.FAILED)


def test_below_the_tree_stands_in_full_why_a_run_failed():
    lines = [
        LineView(at=NOON, level="WARN", message="disk nearly full", task_run_id="load"),
        *(LineView(at=NOON, level="INFO", message=f"row {n}", task_run_id="load") for n in range(30)),
        LineView(at=NOON, level="ERROR", message="first\n" + "x" * 80 + "\nlast", task_run_id="load"),
        LineView(at=NOON, level="WARN", message="other", task_run_id="fine"),
    ]

    screen = on_terminal(ended(State.FAILED, run("load", *FAILED), run("fine", *DONE)), lines)
    below = screen[screen.index("row 11") :]

    assert "WARN  disk nearly full" in screen
    assert "row 10\n" not in screen
    assert "row 29" in below
    assert [part in below for part in ("first", "last", "other")] == [True, True, False]
    assert screen.count("x") >= 80


def test_below_the_tree_stands_nothing_when_all_went_well():
    line = LineView(at=NOON, level="WARN", message="slow", task_id="load", task_run_id="load")

    assert on_terminal(ended(State.SUCCESS, run("load", *DONE)), [line]).count("slow") == 1


def test_what_no_task_of_the_flow_wrote_is_a_reason_too():
    child = LineView(at=NOON, level="ERROR", message="no such table", task_id="child/query", task_run_id="r9")
    own = LineView(at=NOON, level="ERROR", message="outputs cannot be rendered")

    screen = on_terminal(ended(State.FAILED), [child, own])

    assert screen.index("child/query") < screen.index("no such table")
    assert screen.index("team.flow", 40) < screen.index("outputs cannot be rendered")


def test_of_a_traceback_the_exception_is_the_error():
    texts = ["Traceback (most recent call last):", '  File "x.py"', "ValueError: no", "exit code 1"]
    lines = [LineView(at=NOON, level="ERROR", message=text, task_run_id="load") for text in texts]

    assert conclusion.first_error([run("load", *FAILED)], lines) == lines[2]


def test_an_execution_of_the_api_reads_like_one_of_the_store():
    document = {
        "id": "e1",
        "namespace": "team",
        "flowId": "flow",
        "state": {"current": "RUNNING", "histories": [{"state": "CREATED", "date": "2026-03-01T12:00:00Z"}]},
        "taskRunList": [
            {
                "id": "r1",
                "taskId": "load",
                "value": "a",
                "state": {
                    "current": "CREATED",
                    "histories": [{"state": "CREATED", "date": "2026-03-01T12:00:00Z"}],
                },
            }
        ],
    }

    read = progress.of_json(document, over=False)

    assert read.flow == "team.flow"
    assert read.runs[0] == RunView(id="r1", task_id="load", value="a", history=history(State.CREATED))


def test_durations_are_as_precise_as_a_person_wants():
    seconds = [0.0421, 1.26, 59.6, 61, 3 * 3600 + 120]

    assert [in_words(timedelta(seconds=each)) for each in seconds] == [
        "42 ms", "1.3 s", "60 s", "1 min 1 s", "3 h 2 min",
    ]  # fmt: skip

"""What a run looks like: plain lines, and the rows of the tree."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from batuta.cli import progress
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
        ["load", "RUNNING"],
        ["team.flow", "RUNNING"],
        ["load", "SUCCESS", "after", "1.0", "s"],
    ]


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

    assert told[0] == ["load", "[north]", "RUNNING"]


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

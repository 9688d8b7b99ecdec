"""The older state store (triggers-and-stores spec A15)."""

from __future__ import annotations

from batuta.model.state import State


def state(kind, **properties):
    return {"type": f"core.state.{kind}", **properties}


async def test_a_state_is_empty_until_it_is_set(shop):
    before = await shop.run(state("Get"))
    written = await shop.run(state("Set", data={"a": 1, "b": {"x": 1}}))
    again = await shop.run(state("Set", data={"b": {"y": 2}}))
    after = await shop.run(state("Get"))

    assert before.outputs == {"count": 0, "data": {}}
    assert written.outputs == {"count": 2, "key": "nightly-load_states_tasks-states_default"}
    assert again.outputs["count"] == 2
    assert after.outputs == {"count": 2, "data": {"a": 1, "b": {"x": 1, "y": 2}}}


async def test_a_state_may_be_shared_by_the_flows_of_a_namespace(shop):
    outcome = await shop.run(state("Set", name="shared", namespace=True, data={"a": 1}))

    assert outcome.outputs["key"] == "states_tasks-states_shared"
    assert (await shop.run(state("Get", name="shared"))).outputs["count"] == 0
    assert (await shop.run(state("Get", name="shared", namespace=True))).outputs["count"] == 1


async def test_each_value_of_a_loop_has_its_own_state_unless_told_otherwise(shop):
    await shop.run(state("Set", data={"of": "a"}), value="a", taskrun={"value": "a"})

    assert (await shop.run(state("Get"), taskrun={"value": "a"})).outputs["data"] == {"of": "a"}
    assert (await shop.run(state("Get"), taskrun={"value": "b"})).outputs["count"] == 0
    assert (await shop.run(state("Get", taskrunValue=False), taskrun={"value": "a"})).outputs["count"] == 0


async def test_a_state_is_forgotten(shop):
    await shop.run(state("Set", data={"a": 1}))

    assert (await shop.run(state("Delete"))).outputs == {"deleted": True}
    assert (await shop.run(state("Delete"))).outputs == {"deleted": False}
    assert (await shop.run(state("Get"))).outputs["count"] == 0


async def test_a_missing_state_is_an_error_where_asked_for(shop):
    for kind in ("Get", "Delete"):
        outcome = await shop.run(state(kind, name="none", errorOnMissing=True))

        assert outcome.state is State.FAILED
        assert (await shop.log())[0].startswith("ERROR State 'none' does not exist.")

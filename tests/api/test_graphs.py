"""Flows and executions as graphs, and what starts what (API spec §7.1)."""

from __future__ import annotations

import json
import re

from tests.api.conftest import Api

EACH = """
id: each
namespace: company.team
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [a, b]
    concurrencyLimit: 0
    tasks:
      - {id: one, type: io.kestra.plugin.core.debug.Return, format: x}
      - {id: two, type: io.kestra.plugin.core.debug.Return, format: x}
  - id: par
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {id: p1, type: io.kestra.plugin.core.debug.Return, format: p1}
      - {id: p2, type: io.kestra.plugin.core.debug.Return, format: p2}
  - id: choose
    type: io.kestra.plugin.core.flow.If
    condition: "{{ true }}"
    then:
      - {id: yes1, type: io.kestra.plugin.core.debug.Return, format: "yes"}
  - id: sw
    type: io.kestra.plugin.core.flow.Switch
    value: b
    cases:
      b:
        - {id: caseb, type: io.kestra.plugin.core.debug.Return, format: x}
"""


def named(graph: dict) -> dict:
    """The graph with words for the random parts of uids: `root.each.(` and `root.each.)`."""
    begins = {n["uid"] for n in graph["nodes"] if n["type"].endswith("GraphClusterRoot")}
    text = json.dumps(graph)
    for node in graph["nodes"]:
        uid = node["uid"]
        kind = node["type"].rpartition(".")[2]
        word = {
            "GraphClusterEnd": ")",
            "GraphClusterFinally": "finally",
            "GraphClusterAfterExecution": "after",
        }.get(kind, "(" if uid in begins else None)
        if word is not None:
            place = re.sub(r"(\.end)?\.[^.]+$", "", uid)
            text = text.replace(f'"{uid}"', f'"{place}.{word}"')
    return json.loads(text)


def edges(graph: dict) -> set[str]:
    return {
        f"{edge['source']} {'/'.join(edge['relation'].values())}> {edge['target']}".replace("root.", "")
        for edge in graph["edges"]
    }


async def test_a_flow_is_a_graph_of_tasks_and_clusters(api: Api):
    await api.save(EACH)

    graph = named(await api.call("GET", "/flows/company.team/each/graph"))

    assert edges(graph) == {
        "( > each.(", "each.( > each", "each DYNAMIC> each.one", "each DYNAMIC> each.two",
        "each.one > each.)", "each.two > each.)", "each.) SEQUENTIAL> par.(", "par.( > par",
        "par PARALLEL> par.p1", "par PARALLEL> par.p2", "par.p1 > par.)", "par.p2 > par.)",
        "par.) SEQUENTIAL> choose.(", "choose.( > choose", "choose CHOICE/then> choose.yes1",
        "choose.yes1 > choose.)", "choose.) SEQUENTIAL> sw.(", "sw.( > sw", "sw CHOICE/b> sw.caseb",
        "sw.caseb > sw.)", "sw.) > )",
    }  # fmt: skip
    clusters = {each["cluster"]["uid"]: each for each in graph["clusters"]}
    assert list(clusters) == [
        "cluster_root.each",
        "cluster_root.par",
        "cluster_root.choose",
        "cluster_root.sw",
    ]
    each = clusters["cluster_root.each"]
    assert each["nodes"] == ["root.each.(", "root.each.)", "root.each", "root.each.one", "root.each.two"]
    assert each["parents"] == []
    assert each["cluster"]["relationType"] == "DYNAMIC"
    assert each["cluster"]["taskNode"]["task"]["values"] == ["a", "b"]
    nodes = {node["uid"]: node for node in graph["nodes"]}
    assert nodes["root.each.one"]["task"] == {
        "id": "one",
        "type": "io.kestra.plugin.core.debug.Return",
        "format": "x",
    }
    assert graph["flowables"] == ["each", "par", "choose", "sw"]


async def test_handlers_and_triggers_have_their_place(api: Api):
    await api.save(
        """
        id: handled
        namespace: company.team
        tasks:
          - {id: a, type: io.kestra.plugin.core.log.Log, message: a}
        errors:
          - {id: e, type: io.kestra.plugin.core.log.Log, message: e}
        finally:
          - {id: f, type: io.kestra.plugin.core.log.Log, message: f}
        afterExecution:
          - {id: x, type: io.kestra.plugin.core.log.Log, message: x}
        triggers:
          - {id: daily, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 0 * * *"}
        """
    )

    graph = named(await api.call("GET", "/flows/company.team/handled/graph"))

    assert edges(graph) == {
        "Triggers.( > Triggers.daily", "Triggers.daily > Triggers.)", "Triggers.) > (",
        "( > a", "a > finally", "( ERROR> e", "e > finally", "finally FINALLY> f", "f > after",
        "after AFTER_EXECUTION> x", "x > )",
    }  # fmt: skip
    nodes = {node["uid"]: node for node in graph["nodes"]}
    assert nodes["root.e"]["branchType"] == "ERROR"
    assert nodes["root.e"]["error"] is True
    assert nodes["root.Triggers.daily"]["triggerDeclaration"]["cron"] == "0 0 * * *"


async def test_a_dag_follows_its_dependencies_and_a_subflow_can_be_opened(api: Api):
    await api.save(
        """
        id: child
        namespace: company.team
        tasks: [{id: c, type: io.kestra.plugin.core.log.Log, message: c}]
        """
    )
    source = """
id: dag
namespace: company.team
tasks:
  - id: d
    type: io.kestra.plugin.core.flow.Dag
    tasks:
      - task: {id: one, type: io.kestra.plugin.core.log.Log, message: a}
      - task: {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: company.team, flowId: child}
        dependsOn: [one]
"""
    kind = {"Content-Type": "application/x-yaml"}

    closed = named(await api.call("POST", "/flows/graph", content=source, headers=kind))
    opened = named(await api.call("POST", "/flows/graph?subflows=root.d.call", content=source, headers=kind))

    assert "d.one SEQUENTIAL> d.call" in edges(closed)
    assert {node["uid"]: node["type"] for node in closed["nodes"]}["root.d.call"].endswith("SubflowGraphTask")
    assert {"d.call.( > d.call", "d.call SEQUENTIAL> d.call.c", "d.call.c > d.call.)"} < edges(opened)
    await api.call("POST", "/flows/graph", content="id: x\n", headers=kind, expect=422)


async def test_an_execution_has_task_runs_in_its_graph(api: Api):
    await api.save(EACH)
    done = await api.run("company.team/each")

    graph = await api.call("GET", f"/executions/{done['id']}/graph")

    nodes = {node["uid"]: node for node in graph["nodes"]}
    assert nodes["root.each.one_a"]["values"] == ["a"]
    assert nodes["root.each.two_b"]["taskRun"]["state"]["current"] == "SUCCESS"
    assert nodes["root.par"]["task"] == {"id": "par", "type": "io.kestra.plugin.core.flow.Parallel"}
    assert nodes["root.par.p1"]["values"] == []


async def test_flows_that_start_each_other_are_found_on_both_sides(api: Api):
    for name, body in {
        "last": "{id: l, type: io.kestra.plugin.core.log.Log, message: x}",
        "middle": "{id: s, type: io.kestra.plugin.core.flow.Subflow, namespace: company.team, flowId: last}",
    }.items():
        await api.save(f"id: {name}\nnamespace: company.team\ntasks:\n  - {body}\n")
    await api.save(
        """
        id: first
        namespace: company.team
        tasks: [{id: l, type: io.kestra.plugin.core.log.Log, message: x}]
        triggers:
          - id: t
            type: io.kestra.plugin.core.trigger.Flow
            preconditions: {id: p, flows: [{namespace: company.team, flowId: last}]}
        """
    )

    of_last = await api.call("GET", "/flows/company.team/last/dependencies")
    behind = await api.call(
        "GET", "/flows/company.team/middle/dependencies?destinationOnly=true&expandAll=true"
    )
    every = await api.call("GET", "/namespaces/company.team/dependencies")

    def told(found: dict) -> set[str]:
        links = (f"{each['source']} {each['relation']} {each['target']}" for each in found["edges"])
        return {link.replace("main_company.team_", "") for link in links}

    assert told(of_last) == {"middle FLOW_TASK last", "last FLOW_TRIGGER first"}
    assert told(behind) == {"middle FLOW_TASK last", "last FLOW_TRIGGER first"}
    assert told(every) == told(of_last)
    assert {node["id"] for node in of_last["nodes"]} == {"first", "middle", "last"}


async def test_executions_that_belong_together_are_followed_to_the_end(api: Api):
    await api.save(
        """
        id: last
        namespace: company.team
        tasks: [{id: l, type: io.kestra.plugin.core.log.Log, message: x}]
        """
    )
    await api.save(
        """
        id: parent
        namespace: company.team
        tasks: [{id: s, type: io.kestra.plugin.core.flow.Subflow, namespace: company.team, flowId: last}]
        """
    )
    done = await api.run("company.team/parent")

    answer = await api.http.get(f"/api/v1/main/executions/{done['id']}/follow-dependencies")

    events = [part.splitlines() for part in answer.text.split("\n\n") if part]
    assert [lines[0] for lines in events] == ["id: start", "id: end", "id: end", "id: end-all"]
    told = [json.loads(lines[1].removeprefix("data: ")) for lines in events[1:3]]
    assert {each["flowId"] for each in told} == {"parent", "last"}
    assert told[0]["state"]["current"] == "SUCCESS"


async def test_limits_are_listed_with_what_is_used_of_them(api: Api):
    await api.save(
        """
        id: gate
        namespace: company.team
        concurrency: {limit: 1}
        tasks: [{id: p, type: io.kestra.plugin.core.flow.Pause}]
        """
    )
    await api.save(EACH)
    await api.call("POST", "/executions/company.team/gate")

    found = await api.call("GET", "/concurrency-limit/search")

    row = {"tenantId": "main", "namespace": "company.team", "flowId": "gate", "running": 1}
    assert found["total"] == 1
    assert found["results"][0] | {"running": 1} == row
    told = await api.call("PUT", "/concurrency-limit/company.team/gate", json={"running": 7})
    assert told["running"] in (0, 1)
    await api.call("PUT", "/concurrency-limit/company.team/each", json={}, expect=404)

"""Requests that start flows: Webhook triggers (API spec §8; triggers spec A7). The key is the credential."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.params import FromPath

from batuta import expr, ids
from batuta.engine.events import ExecutionCreated
from batuta.errors import BatutaError, Conflict, NotFound
from batuta.firing.launching import Launch, Launcher, Wish, failed
from batuta.firing.rules import Rule, class_of
from batuta.firing.scene import with_facts
from batuta.model.execution import Execution
from batuta.model.flow import TENANT, Flow, FlowKey
from batuta.model.state import State
from batuta.plugin.trigger import Trigger
from batuta.store.batch import Batch
from batuta.web import forms, query, waiting
from batuta.web.routes import get_post_put
from batuta.web.shapes import execution as shape
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]

WEBHOOK = "io.kestra.plugin.core.trigger.Webhook"
MOST_BODY_BYTES = 10 * 1024 * 1024
_PATHS = [
    "/executions/webhook/{namespace:str}/{flow_id:str}/{key:str}",
    "/executions/webhook/{namespace:str}/{flow_id:str}/{key:str}/{rest:path}",
]

log = logging.getLogger(__name__)


async def _called(
    request: Request[Any, Any, Any], namespace: str, flow_id: str, key: str, site: Site
) -> Response[bytes]:
    """Start the flow whose webhook has the key."""
    flow = await _flow(site, FlowKey(namespace, flow_id))
    rule = await _rule(site, flow, key)
    variables = await _variables(request)
    names = rule.names(site.world, variables)
    try:
        hook: Any = await _asked(site, rule, names)
    except (BatutaError, expr.ExpressionError) as error:
        await _fail(site, rule, variables, error)
        raise
    if hook is None:
        return Response(b"", status_code=204)
    wish = Wish(rule=rule, execution_id=ids.random_id(), names=names, variables=variables)
    launch = await Launcher(site.lookups, site.world).launch(wish, site.now())
    if launch.is_refused:
        raise NotFound(f"the inputs of the webhook cannot be used: {launch.refusal}", where="inputs")
    execution = await _started(site, launch, wait=hook.wait)
    return await _answer(site, execution, hook)


async def _flow(site: Site, key: FlowKey) -> Flow:
    latest = await site.ports.store.flows.latest(key)
    if latest is None or latest.deleted:
        raise NotFound("Webhook not found")
    stored = site.parsed(latest)
    if stored.flow is None:
        raise Conflict("the flow of the webhook is not valid", mend="mend the flow and save it")
    if latest.draft:
        raise Conflict("the flow of the webhook is a draft", mend="save it without `draft` first")
    if stored.flow.disabled:
        raise Conflict("the flow of the webhook is disabled", mend="enable the flow first")
    return stored.flow


async def _rule(site: Site, flow: Flow, given: str) -> Rule:
    """The first webhook whose key is the given one. Every key is compared to its end, so that the time tells
    nothing about it."""
    found: Rule | None = None
    for definition in flow.triggers:
        if definition.disabled or definition.type != WEBHOOK or class_of(definition) is None:
            continue
        rule = Rule(flow, definition)
        try:
            written = await with_facts(
                site.lookups,
                flow.namespace,
                lambda facts, rule=rule: expr.render(  # type: ignore[misc]
                    str(rule.definition.properties.get("key", "")),
                    rule.names(site.world),
                    facts,
                    site.world.options(site.now()),
                ),
            )
        except (BatutaError, expr.ExpressionError) as error:
            log.warning("the key of the webhook %s cannot be rendered: %s", rule.key, error)
            continue
        key = (written or "").strip()
        if key and hmac.compare_digest(key.encode(), given.strip().encode()) and found is None:
            found = rule
    if found is None:
        raise NotFound("Webhook not found")
    return found


async def _asked(site: Site, rule: Rule, names: Mapping[str, Any]) -> Trigger | None:
    """The trigger, if its conditions hold."""
    options = site.world.options(site.now())

    def make(facts: expr.Facts) -> Trigger | None:
        scene = rule.scene(names, facts, options)
        if rule.when is not None and not expr.is_truthy_text((scene.render(rule.when) or "").strip()):
            return None
        if not all(scene.holds(each) for each in rule.conditions):
            return None
        built: Trigger = rule.built(scene)
        return built

    return await with_facts(site.lookups, rule.flow.namespace, make)


async def _variables(request: Request[Any, Any, Any]) -> Json:
    """The request as expressions see it."""
    headers: dict[str, list[str]] = {}
    for name, value in request.headers.multi_items():
        headers.setdefault(name, []).append(value)
    parameters: dict[str, list[str]] = {}
    for name, value in query.of(request).pairs:
        parameters.setdefault(name, []).append(value)
    variables: Json = {"headers": headers, "parameters": parameters}
    content = await forms.body(request, MOST_BODY_BYTES)
    if content:
        variables["body"] = _body(content)
    return variables


def _body(content: bytes) -> Any:
    """A JSON object or array as data, anything else as text."""
    try:
        value = msgspec.json.decode(content)
    except msgspec.DecodeError:
        value = None
    return value if isinstance(value, dict | list) else content.decode("utf-8", "replace")


async def _fail(site: Site, rule: Rule, variables: Json, error: Exception) -> None:
    """Conditions that cannot be asked are a FAILED execution, so that people see it."""
    log.warning("a condition of the webhook %s failed: %s", rule.key, error)
    launcher = Launcher(site.lookups, site.world)
    wish = Wish(
        rule=rule, execution_id=ids.random_id(), names=rule.names(site.world, variables), variables=variables
    )
    launch = await launcher.launch(wish, site.now())
    execution = launch.execution if launch.is_refused else failed(launch.execution, site.now())
    await site.ports.store.commit(Batch(executions={execution.id: execution}, logs=launch.lines))


async def _started(site: Site, launch: Launch, *, wait: bool) -> Execution:
    execution = launch.execution
    created = ExecutionCreated(execution_id=execution.id)
    batch = Batch(executions={execution.id: execution}, logs=launch.lines)
    if not wait:
        await site.ports.inbox.accept(created, batch=batch)
        return execution
    async with site.watches.on(execution.id) as watch:
        await site.ports.inbox.accept(created, batch=batch)
        return await waiting.until(
            site, watch, execution.id, lambda now: now.is_ended, waiting.FINISH_SECONDS
        )


async def _answer(site: Site, execution: Execution, hook: Any) -> Response[bytes]:
    """What the caller hears: the execution, or with `returnOutputs` what it gave."""
    status = 200
    if hook.wait:
        has_failed = execution.state.current is State.FAILED
        status = hook.response_code or (500 if has_failed else 200)
    if hook.wait and hook.return_outputs:
        outputs = await site.whole(execution.outputs or {})
        if hook.response_content_type == "text/plain":
            return Response(_text(outputs), status_code=status, media_type="text/plain")
        return Response(msgspec.json.encode(outputs), status_code=status, media_type="application/json")
    body = shape.created(*await site.filled(execution), site.now(), site.settings.base_url)
    names = (
        "tenantId", "id", "namespace", "flowId", "flowRevision", "trigger", "inputs", "outputs", "labels",
        "state", "url",
    )  # fmt: skip
    told = {"tenantId": TENANT, **{name: body[name] for name in names if name in body}}
    return Response(msgspec.json.encode(told), status_code=status, media_type="application/json")


def _text(outputs: Json) -> bytes:
    """The one output itself where it is text, else JSON."""
    values = list(outputs.values())
    if len(values) == 1:
        return values[0].encode() if isinstance(values[0], str) else msgspec.json.encode(values[0])
    return msgspec.json.encode(outputs)


@get_post_put(_PATHS)
async def call(
    request: Request[Any, Any, Any],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    key: FromPath[str],
    site: GivenSite,
) -> Response[bytes]:
    """Start a flow by its webhook."""
    return await _called(request, namespace, flow_id, key, site)


ROUTES = [call]

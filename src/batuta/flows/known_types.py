"""Type names that flows in the world use and that no class implements yet.

A flow that names one of them can be stored; `check` warns, and the task fails when it runs. A type that is
neither in the registry nor here is a mistake. As soon as a class exists the registry wins, and the name may
leave this list.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache

from batuta.plugin import registry

_CORE = "io.kestra.plugin.core."
_PLUGIN = "io.kestra.plugin."

TRIGGERS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    _CORE + "trigger.Schedule": (
        frozenset({"cron"}),
        frozenset(
            {
                "withSeconds",
                "timezone",
                "scheduleConditions",
                "inputs",
                "lateMaximumDelay",
                "recoverMissedSchedules",
                "backfill",
            }
        ),
    ),
    _CORE + "trigger.ScheduleOnDates": (
        frozenset({"dates"}),
        frozenset({"timezone", "inputs", "recoverMissedSchedules"}),
    ),
    _CORE + "trigger.Flow": (frozenset(), frozenset({"inputs", "states", "preconditions"})),
    _CORE + "trigger.Webhook": (
        frozenset({"key"}),
        frozenset({"inputs", "wait", "returnOutputs", "responseContentType", "responseCode"}),
    ),
    _CORE + "http.Trigger": (
        frozenset({"uri"}),
        frozenset(
            {
                "method",
                "params",
                "body",
                "formData",
                "contentType",
                "headers",
                "options",
                "sslOptions",
                "allowFailed",
                "encryptBody",
                "interval",
                "responseCondition",
            }
        ),
    ),
}
"""Triggers of the core: what must be set, and what else may be."""

CONDITIONS: dict[str, frozenset[str]] = {
    _CORE + "condition." + name: frozenset(required)
    for name, required in {
        "DateTimeBetween": (),
        "TimeBetween": (),
        "DayWeek": ("dayOfWeek",),
        "DayWeekInMonth": ("dayOfWeek", "dayInMonth"),
        "Weekend": (),
        "PublicHoliday": (),
        "Not": ("conditions",),
        "Or": ("conditions",),
        "Expression": ("expression",),
        "ExecutionFlow": ("namespace", "flowId"),
        "ExecutionNamespace": ("namespace",),
        "ExecutionStatus": (),
        "ExecutionLabels": ("labels",),
        "ExecutionOutputs": ("expression",),
        "HasRetryAttempt": (),
        "FlowCondition": ("namespace", "flowId"),
        "FlowNamespaceCondition": ("namespace",),
        "MultipleCondition": ("id", "conditions"),
    }.items()
}
"""Conditions of triggers: what must be set."""

_FLOWABLES: dict[str, tuple[str, ...]] = {
    "ForEachItem": ("errors", "finally"),
    "Loop": ("tasks", "errors", "finally"),
    "LoopUntil": ("tasks", "errors", "finally"),
    "Pause": ("tasks", "errors", "finally", "onPause"),
    "Approval": ("onWait", "onApprove", "onDeny", "errors", "finally"),
    "Template": ("errors",),
    "WorkingDirectory": ("tasks", "errors", "finally"),
    "AllowFailure": ("tasks", "errors", "finally"),
}

_CORE_TASKS: dict[str, tuple[str, ...]] = {
    "debug": ("Return", "Echo"),
    "execution": (
        "Assert", "Count", "Exit", "Fail", "Labels", "PurgeExecutions", "Resume", "SetVariables",
        "UnsetVariables",
    ),
    "flow": ("Subflow", "Sleep", *_FLOWABLES),
    "http": ("Download", "Request", "SseRequest"),
    "kv": ("Delete", "Get", "GetKeys", "PurgeKV", "Put", "Set"),
    "log": ("Fetch", "Log", "PurgeLogs"),
    "metric": ("Publish",),
    "namespace": ("DeleteFiles", "DownloadFiles", "PurgeFiles", "UploadFiles"),
    "output": ("OutputValues",),
    "runner": ("Process",),
    "state": ("Delete", "Get", "Set"),
    "storage": (
        "Concat", "DeduplicateItems", "Delete", "FilterItems", "LocalFiles", "PurgeCurrentExecutionFiles",
        "Reverse", "Size", "Split", "Write",
    ),
    "templating": ("TemplatedTask",),
    "trigger": ("Toggle",),
}  # fmt: skip

_SCRIPT_LANGUAGES = (
    "bun", "deno", "go", "groovy", "julia", "lua", "node", "perl", "php", "powershell", "python", "r",
    "ruby", "shell",
)  # fmt: skip
_DATABASES = (
    "access", "arrowflight", "as400", "clickhouse", "db2", "dremio", "druid", "duckdb", "hana", "mariadb",
    "mysql", "oracle", "pinot", "postgresql", "redshift", "snowflake", "sqlite", "sqlserver", "sybase",
    "trino", "vertica",
)  # fmt: skip
_OTHER_TASKS: dict[str, tuple[str, ...]] = {
    **{f"scripts.{language}": ("Script", "Commands") for language in _SCRIPT_LANGUAGES},
    **{f"jdbc.{database}": ("Query", "Queries", "Batch", "Trigger") for database in _DATABASES},
    "jdbc.postgresql": ("Query", "Queries", "Batch", "Trigger", "CopyIn", "CopyOut"),
    "scripts.runner.docker": ("Docker",),
    "gcp.gcs": (
        "CreateBucket", "UpdateBucket", "DeleteBucket", "Upload", "Download", "Downloads", "List", "Copy",
        "Delete", "DeleteList", "Trigger",
    ),
    "gcp.bigquery": (
        "Query", "CreateDataset", "UpdateDataset", "DeleteDataset", "Load", "LoadFromGcs", "ExtractToGcs",
        "Copy", "CreateTable", "UpdateTable", "DeleteTable", "TableMetadata", "DeletePartitions",
        "CopyPartitions", "StorageWrite", "Trigger",
    ),
    "dbt.cli": (
        "DbtCLI", "Build", "Run", "Test", "Seed", "Snapshot", "Freshness", "List", "Compile", "Deps", "Setup",
    ),
    "git": (
        "Clone", "SyncNamespaceFiles", "SyncFlows", "SyncFlow", "Sync", "PushFlows", "PushNamespaceFiles",
        "Push", "NamespaceSync", "TenantSync",
    ),
    "ai.completion": ("ChatCompletion", "JSONStructuredExtraction", "Classification", "ImageGeneration"),
    "ai.rag": ("IngestDocument", "ChatCompletion", "Search"),
    "ai.agent": ("AIAgent",),
    "ai.provider": ("GoogleGemini", "OpenAI", "Anthropic", "Ollama"),
    "ai.embeddings": ("KestraKVStore",),
    "ai.memory": ("KestraKVStore",),
}  # fmt: skip

FAMILIES = (
    "ai", "airbyte", "airtable", "amqp", "ansible", "aws", "azure", "cassandra", "cloudquery", "compress",
    "couchbase", "crypto", "databricks", "dataform", "dbt", "debezium", "discord", "docker", "ee",
    "elasticsearch", "email", "fivetran", "fs", "gcp", "git", "github", "gitlab", "google",
    "googleworkspace", "hubspot", "jdbc", "jira", "kafka", "kestra", "kubernetes", "langchain4j", "line",
    "linear", "messenger", "microsoft365", "modal", "mongodb", "mqtt", "nats", "neo4j", "notifications",
    "notion", "openai", "opsgenie", "pagerduty", "powerbi", "pulsar", "redis", "scripts", "sendgrid",
    "sentry", "serdes", "singer", "slack", "soda", "solace", "spark", "sqlmesh", "squadcast", "surrealdb",
    "telegram", "terraform", "transform", "trello", "twilio", "weaviate", "whatsapp", "x", "zendesk",
    "zenduty", "zulip",
)  # fmt: skip
"""Families of plugins: any type below `io.kestra.plugin.<family>.` may exist somewhere."""

_OLD_SCRIPTS = frozenset(f"io.kestra.core.tasks.scripts.{name}" for name in ("Bash", "Node", "Python"))


@cache
def _listed() -> frozenset[str]:
    core = {f"{_CORE}{package}.{name}" for package, names in _CORE_TASKS.items() for name in names}
    other = {f"{_PLUGIN}{package}.{name}" for package, names in _OTHER_TASKS.items() for name in names}
    return frozenset({*core, *other, *TRIGGERS, *CONDITIONS, *_OLD_SCRIPTS})


_ALIASES = {
    _CORE + "flow.WaitFor": _CORE + "flow.LoopUntil",
    _CORE + "flow.Flow": _CORE + "flow.Subflow",
    _CORE + "flow.Worker": _CORE + "flow.WorkingDirectory",
    _CORE + "execution.Counts": _CORE + "execution.Count",
    _CORE + "storage.PurgeExecution": _CORE + "storage.PurgeCurrentExecutionFiles",
    _CORE + "storage.Purge": _CORE + "execution.PurgeExecutions",
    _CORE + "condition.Variable": _CORE + "condition.Expression",
}
_KEPT_CONDITIONS = frozenset({"FlowCondition", "FlowNamespaceCondition", "MultipleCondition"})
_MOVED = (
    ("io.kestra.core.tasks.flows.", _CORE + "flow."),
    ("io.kestra.core.tasks.log.", _CORE + "log."),
    ("io.kestra.core.tasks.debugs.", _CORE + "debug."),
    ("io.kestra.core.tasks.executions.", _CORE + "execution."),
    ("io.kestra.core.tasks.storages.", _CORE + "storage."),
    ("io.kestra.core.tasks.states.", _CORE + "state."),
    ("io.kestra.core.tasks.trigger.", _CORE + "trigger."),
    ("io.kestra.plugin.fs.http.", _CORE + "http."),
    ("io.kestra.core.models.triggers.types.", _CORE + "trigger."),
    ("io.kestra.core.models.conditions.types.", _CORE + "condition."),
)


def canonical(name: str) -> str | None:
    """The present name of a type that is known and not implemented; None for one that nobody knows."""
    moved = name
    for old, new in _MOVED:
        if name.startswith(old):
            moved = new + name.removeprefix(old)
            break
    package, _, last = moved.rpartition(".")
    if package == _CORE + "condition" and last.endswith("Condition") and last not in _KEPT_CONDITIONS:
        moved = moved.removesuffix("Condition")
    moved = _ALIASES.get(moved, moved)
    return moved if moved in _listed() or _in_open_family(moved) else None


def _in_open_family(name: str) -> bool:
    package, _, last = name.rpartition(".")
    if not name.startswith(_PLUGIN) or not last[:1].isupper() or name in _listed():
        return False
    family = package.removeprefix(_PLUGIN).partition(".")[0]
    return family in FAMILIES and package not in _implemented_packages()


@cache
def _implemented_packages() -> frozenset[str]:
    """Packages of which the registry has types; what is neither there nor listed above is a typing error."""
    return frozenset(name.rpartition(".")[0] for name in registry.names())


def branches(name: str) -> tuple[str, ...]:
    """The lists of tasks of a flowable that is known and not implemented."""
    return _FLOWABLES.get(name.removeprefix(_CORE + "flow."), ())


def nearest(name: str) -> str | None:
    """The type, implemented or not, that looks most like `name`: of the same package first, then of any."""
    package, _, last = name.rpartition(".")
    every = sorted({*registry.names(), *_listed()})
    siblings = {each.rpartition(".")[2].lower(): each for each in every if each.rpartition(".")[0] == package}
    near = get_close_matches(last.lower(), list(siblings), n=1, cutoff=0.6)
    if near:
        return siblings[near[0]]
    by_last: dict[str, list[str]] = {}
    for each in every:
        by_last.setdefault(each.rpartition(".")[2].lower(), []).append(each)
    near = get_close_matches(last.lower(), list(by_last), n=1, cutoff=0.75)
    return get_close_matches(name, by_last[near[0]], n=1, cutoff=0.0)[0] if near else None

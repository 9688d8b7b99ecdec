-- The newest schema for SQLite. Written by `python -m batuta.store.tables`; do not edit.

CREATE TABLE flows (
	namespace TEXT NOT NULL,
	id TEXT NOT NULL,
	revision INTEGER NOT NULL,
	created_at BIGINT NOT NULL,
	deleted BOOLEAN NOT NULL,
	disabled BOOLEAN NOT NULL,
	description TEXT,
	labels TEXT NOT NULL,
	source TEXT NOT NULL,
	draft BOOLEAN DEFAULT 0 NOT NULL,
	PRIMARY KEY (namespace, id, revision)
);

CREATE TABLE executions (
	id TEXT NOT NULL,
	namespace TEXT NOT NULL,
	flow_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	started_at BIGINT NOT NULL,
	parent_id TEXT,
	trigger_id TEXT,
	trigger_execution_id TEXT,
	trigger_task_run_id TEXT,
	revision INTEGER NOT NULL,
	state TEXT NOT NULL,
	ended_at BIGINT,
	duration BIGINT NOT NULL,
	settled BOOLEAN NOT NULL,
	labels TEXT NOT NULL,
	body BLOB NOT NULL,
	slot BOOLEAN DEFAULT 0 NOT NULL,
	PRIMARY KEY (id)
);

CREATE INDEX executions_by_end ON executions (ended_at) WHERE ended_at IS NOT NULL;

CREATE INDEX executions_by_flow ON executions (namespace, flow_id, started_at);

CREATE INDEX executions_by_start ON executions (started_at);

CREATE INDEX executions_by_state ON executions (state, started_at);

CREATE INDEX executions_by_trigger ON executions (trigger_execution_id) WHERE trigger_execution_id IS NOT NULL;

CREATE INDEX executions_unsettled ON executions (namespace, flow_id, started_at) WHERE settled = 0;

CREATE TABLE task_runs (
	execution_id TEXT NOT NULL,
	ordinal INTEGER NOT NULL,
	task_id TEXT NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (execution_id, ordinal)
)
 WITHOUT ROWID;

CREATE TABLE task_run_parts (
	execution_id TEXT NOT NULL,
	ordinal INTEGER NOT NULL,
	name TEXT NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (execution_id, ordinal, name)
)
 WITHOUT ROWID;

CREATE TABLE jobs (
	id INTEGER NOT NULL,
	task_run_id TEXT NOT NULL,
	execution_id TEXT NOT NULL,
	task_id TEXT NOT NULL,
	token INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	namespace TEXT NOT NULL,
	flow_id TEXT NOT NULL,
	revision INTEGER NOT NULL,
	created_at BIGINT NOT NULL,
	after_execution BOOLEAN NOT NULL,
	worker_id TEXT,
	leased_until BIGINT,
	PRIMARY KEY (id)
);

CREATE UNIQUE INDEX jobs_by_task_run ON jobs (task_run_id);

CREATE INDEX jobs_leased ON jobs (worker_id) WHERE worker_id IS NOT NULL;

CREATE INDEX jobs_waiting ON jobs (created_at) WHERE worker_id IS NULL;

CREATE TABLE timers (
	execution_id TEXT NOT NULL,
	task_run_id TEXT NOT NULL,
	timer TEXT NOT NULL,
	at BIGINT NOT NULL,
	token INTEGER NOT NULL,
	PRIMARY KEY (execution_id, task_run_id, timer)
)
 WITHOUT ROWID;

CREATE TABLE events (
	id INTEGER NOT NULL,
	execution_id TEXT NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (id)
);

CREATE TABLE logs (
	id INTEGER NOT NULL,
	execution_id TEXT NOT NULL,
	at BIGINT NOT NULL,
	severity INTEGER NOT NULL,
	message TEXT NOT NULL,
	namespace TEXT NOT NULL,
	flow_id TEXT NOT NULL,
	task_id TEXT,
	task_run_id TEXT,
	attempt INTEGER,
	thread TEXT,
	trigger_id TEXT,
	PRIMARY KEY (id)
);

CREATE INDEX logs_by_execution ON logs (execution_id);

CREATE INDEX logs_by_time ON logs (at);

CREATE TABLE metrics (
	id INTEGER NOT NULL,
	execution_id TEXT NOT NULL,
	task_id TEXT NOT NULL,
	task_run_id TEXT NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (id)
);

CREATE INDEX metrics_by_execution ON metrics (execution_id);

CREATE TABLE kv (
	namespace TEXT NOT NULL,
	"key" TEXT NOT NULL,
	type TEXT NOT NULL,
	value TEXT NOT NULL,
	description TEXT,
	version INTEGER NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	expires_at BIGINT,
	PRIMARY KEY (namespace, "key")
);

CREATE INDEX kv_expiring ON kv (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE kv_versions (
	namespace TEXT NOT NULL,
	"key" TEXT NOT NULL,
	type TEXT NOT NULL,
	value TEXT NOT NULL,
	description TEXT,
	version INTEGER NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	expires_at BIGINT,
	PRIMARY KEY (namespace, "key", version)
)
 WITHOUT ROWID;

CREATE TABLE secrets (
	namespace TEXT NOT NULL,
	"key" TEXT NOT NULL,
	value TEXT NOT NULL,
	description TEXT,
	tags TEXT NOT NULL,
	updated_at BIGINT NOT NULL,
	PRIMARY KEY (namespace, "key")
)
 WITHOUT ROWID;

CREATE TABLE triggers (
	namespace TEXT NOT NULL,
	flow_id TEXT NOT NULL,
	trigger_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	next_at BIGINT,
	triggered_at BIGINT,
	updated_at BIGINT NOT NULL,
	date BIGINT,
	execution_id TEXT,
	disabled BOOLEAN NOT NULL,
	locked BOOLEAN NOT NULL,
	due_at BIGINT,
	version INTEGER NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (namespace, flow_id, trigger_id)
);

CREATE INDEX triggers_due ON triggers (due_at) WHERE due_at IS NOT NULL;

CREATE INDEX triggers_locked ON triggers (execution_id) WHERE execution_id IS NOT NULL;

CREATE TABLE trigger_jobs (
	namespace TEXT NOT NULL,
	flow_id TEXT NOT NULL,
	trigger_id TEXT NOT NULL,
	revision INTEGER NOT NULL,
	since BIGINT NOT NULL,
	token BIGINT NOT NULL,
	worker_id TEXT,
	leased_until BIGINT,
	PRIMARY KEY (namespace, flow_id, trigger_id)
)
 WITHOUT ROWID;

CREATE TABLE firings (
	namespace TEXT NOT NULL,
	flow_id TEXT NOT NULL,
	trigger_id TEXT NOT NULL,
	occasion TEXT NOT NULL,
	at BIGINT NOT NULL,
	execution_id TEXT,
	PRIMARY KEY (namespace, flow_id, trigger_id, occasion)
)
 WITHOUT ROWID;

CREATE TABLE windows (
	namespace TEXT NOT NULL,
	flow_id TEXT NOT NULL,
	name TEXT NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (namespace, flow_id, name)
);

CREATE TABLE read_flows (
	namespace TEXT NOT NULL,
	flow_id TEXT NOT NULL,
	revision INTEGER NOT NULL,
	listens BOOLEAN NOT NULL,
	PRIMARY KEY (namespace, flow_id)
)
 WITHOUT ROWID;

CREATE TABLE marks (
	name TEXT NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (name)
);

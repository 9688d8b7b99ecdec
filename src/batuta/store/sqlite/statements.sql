-- Hot statements for SQLite: each has a name and a sentence. Read by `statements.py`.

-- name: add_flow
-- A new revision; one that exists is refused by the primary key.
INSERT INTO flows (namespace, id, revision, created_at, deleted, disabled, description, labels, source)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: put_execution
-- An execution, new or changed. What never changes during its life is left alone, and so are the indexes on it.
INSERT INTO executions (id, namespace, flow_id, kind, started_at, parent_id, trigger_id, trigger_execution_id,
                        trigger_task_run_id, revision, state, ended_at, duration, settled, labels, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, state = excluded.state, ended_at = excluded.ended_at,
    duration = excluded.duration, settled = excluded.settled, labels = excluded.labels, body = excluded.body;

-- name: put_task_run
-- A task run, new or changed.
INSERT INTO task_runs (execution_id, ordinal, task_id, body) VALUES (?, ?, ?, ?)
ON CONFLICT (execution_id, ordinal) DO UPDATE SET task_id = excluded.task_id, body = excluded.body;

-- name: remove_task_run
-- A task run that a restart took back.
DELETE FROM task_runs WHERE execution_id = ? AND ordinal = ?;

-- name: add_log
-- A log line. The id is given, so that ids never run backwards while the program lives.
INSERT INTO logs (id, execution_id, at, severity, message, namespace, flow_id, task_id, task_run_id, attempt,
                  thread, trigger_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_metric
-- A measurement.
INSERT INTO metrics (execution_id, task_id, task_run_id, body) VALUES (?, ?, ?, ?);

-- name: put_job
-- An attempt for a worker; it takes the place of an older attempt of the same task run, never of a newer one.
INSERT INTO jobs (task_run_id, execution_id, task_id, token, attempt, namespace, flow_id, revision, created_at,
                  after_execution, worker_id, leased_until)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task_run_id) DO UPDATE SET token = excluded.token, attempt = excluded.attempt,
    revision = excluded.revision, created_at = excluded.created_at, after_execution = excluded.after_execution,
    worker_id = excluded.worker_id, leased_until = excluded.leased_until
WHERE excluded.token >= jobs.token;

-- name: end_job
-- Forget an attempt, unless a newer one of the same task run has taken its place.
DELETE FROM jobs WHERE task_run_id = ? AND token <= ?;

-- name: claim_jobs
-- Lease the oldest attempts that nobody has.
UPDATE jobs SET worker_id = ?, leased_until = ?
WHERE id IN (SELECT id FROM jobs WHERE worker_id IS NULL ORDER BY created_at, id LIMIT ?)
RETURNING task_run_id, execution_id, task_id, token, attempt, namespace, flow_id, revision, created_at,
          after_execution, worker_id, leased_until, id;

-- name: renew_jobs
-- Prolong every lease of a worker.
UPDATE jobs SET leased_until = ? WHERE worker_id = ?;

-- name: expired_jobs
-- Attempts whose lease has run out.
SELECT task_run_id, execution_id, task_id, token, attempt, namespace, flow_id, revision, created_at,
       after_execution, worker_id, leased_until
FROM jobs WHERE worker_id IS NOT NULL AND leased_until <= ? ORDER BY created_at, id;

-- name: jobs_of_others
-- Attempts leased by any other worker.
SELECT task_run_id, execution_id, task_id, token, attempt, namespace, flow_id, revision, created_at,
       after_execution, worker_id, leased_until
FROM jobs WHERE worker_id IS NOT NULL AND worker_id <> ? ORDER BY created_at, id;

-- name: count_waiting_jobs
-- Attempts that nobody has.
SELECT count(*) FROM jobs WHERE worker_id IS NULL;

-- name: put_timer
-- A delay; set anew when it exists.
INSERT INTO timers (execution_id, task_run_id, timer, at, token) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (execution_id, task_run_id, timer) DO UPDATE SET at = excluded.at, token = excluded.token;

-- name: cancel_timers_of_run
-- Forget the delays of a task run.
DELETE FROM timers WHERE execution_id = ? AND task_run_id = ?;

-- name: cancel_timers_of_execution
-- Forget all delays of an execution.
DELETE FROM timers WHERE execution_id = ?;

-- name: end_timer
-- Forget a delay that ran out, unless it was set anew for later.
DELETE FROM timers WHERE execution_id = ? AND task_run_id = ? AND timer = ? AND at <= ?;

-- name: all_timers
-- Every delay, earliest first.
SELECT execution_id, task_run_id, timer, at, token FROM timers ORDER BY at;

-- name: add_event
-- An accepted event. The id is given: it is the answer to whoever posted it.
INSERT INTO events (id, execution_id, body) VALUES (?, ?, ?);

-- name: consume_event
-- An event whose step is in this transaction.
DELETE FROM events WHERE id = ?;

-- name: pending_events
-- All events without a step, in order of acceptance.
SELECT id, body FROM events ORDER BY id;

-- name: latest_flow
-- The newest revision of a flow.
SELECT namespace, id, revision, created_at, deleted, disabled, description, labels, source FROM flows
WHERE namespace = ? AND id = ? ORDER BY revision DESC LIMIT 1;

-- name: flow_revision
-- One revision of a flow.
SELECT namespace, id, revision, created_at, deleted, disabled, description, labels, source FROM flows
WHERE namespace = ? AND id = ? AND revision = ?;

-- name: flow_revisions
-- All revisions of a flow, oldest first.
SELECT namespace, id, revision, created_at, deleted, disabled, description, labels, source FROM flows
WHERE namespace = ? AND id = ? ORDER BY revision;

-- name: flow_namespaces
-- Namespaces in which a flow is alive.
SELECT DISTINCT namespace FROM flows AS newest
WHERE NOT deleted
  AND revision = (SELECT max(revision) FROM flows WHERE namespace = newest.namespace AND id = newest.id)
ORDER BY namespace;

-- name: remove_flow_revision
-- An old revision, for good.
DELETE FROM flows WHERE namespace = ? AND id = ? AND revision = ?;

-- name: execution
-- One execution.
SELECT body FROM executions WHERE id = ?;

-- name: first_task_runs
-- The first task runs of an execution.
SELECT body FROM task_runs WHERE execution_id = ? ORDER BY ordinal LIMIT ?;

-- name: task_runs
-- All task runs of an execution as one JSON list, in order: one step of the database however many there are.
SELECT CAST('[' || coalesce(group_concat(body, ','), '') || ']' AS BLOB)
FROM (SELECT body FROM task_runs WHERE execution_id = ? ORDER BY ordinal);

-- name: unsettled_executions
-- Executions that have something before them as one JSON list, oldest first.
SELECT CAST('[' || coalesce(group_concat(body, ','), '') || ']' AS BLOB)
FROM (SELECT body FROM executions WHERE settled = 0 ORDER BY started_at);

-- name: child_executions
-- Executions that tasks of one execution asked for, oldest first.
SELECT body FROM executions
WHERE trigger_execution_id = ? AND trigger_task_run_id IS NOT NULL ORDER BY started_at, id;

-- name: latest_execution
-- The newest execution of a flow.
SELECT body FROM executions
WHERE namespace = ? AND flow_id = ? AND kind = 'NORMAL' ORDER BY started_at DESC LIMIT 1;

-- name: kv_entry
-- One key of a namespace.
SELECT namespace, key, type, value, description, version, created_at, updated_at, expires_at FROM kv
WHERE namespace = ? AND key = ?;

-- name: put_kv
-- A key, new or changed.
INSERT INTO kv (namespace, key, type, value, description, version, created_at, updated_at, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (namespace, key) DO UPDATE SET type = excluded.type, value = excluded.value,
    description = excluded.description, version = excluded.version, created_at = excluded.created_at,
    updated_at = excluded.updated_at, expires_at = excluded.expires_at;

-- name: remove_kv
-- A key.
DELETE FROM kv WHERE namespace = ? AND key = ?;

-- name: kv_of_namespace
-- Live keys of a namespace within a range of names.
SELECT namespace, key, type, value, description, version, created_at, updated_at, expires_at FROM kv
WHERE namespace = ? AND key >= ? AND substr(key, 1, ?) = ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY key;

-- name: purge_kv
-- Keys whose time is over.
DELETE FROM kv WHERE expires_at <= ?;

-- name: metrics_of_execution
-- Measurements of an execution, in order of arrival.
SELECT body FROM metrics
WHERE execution_id = ?1 AND (?2 IS NULL OR task_run_id = ?2) AND (?3 IS NULL OR task_id = ?3) ORDER BY id;

-- name: logs_of_execution
-- Log lines of an execution as one JSON list, in order of arrival.
SELECT json_group_array(json_array(id, execution_id, at, severity, message, namespace, flow_id, task_id, task_run_id,
                                   attempt, thread, trigger_id))
FROM (SELECT * FROM logs
      WHERE execution_id = ?1 AND id > ?2 AND severity >= ?3 AND (?4 IS NULL OR task_run_id = ?4)
        AND (?5 IS NULL OR task_id = ?5) AND (?6 IS NULL OR attempt = ?6)
      ORDER BY id LIMIT ?7);

-- name: delete_logs
-- Log lines of an execution.
DELETE FROM logs
WHERE execution_id = ?1 AND severity >= ?2 AND (?3 IS NULL OR task_run_id = ?3)
  AND (?4 IS NULL OR task_id = ?4) AND (?5 IS NULL OR attempt = ?5);

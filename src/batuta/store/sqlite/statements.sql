-- Hot statements for SQLite: each has a name and a sentence. Read by `statements.py`.

-- name: add_flow
-- A new revision; one that exists is refused by the primary key.
INSERT INTO flows (namespace, id, revision, created_at, deleted, disabled, description, labels, source, draft)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: put_execution
-- An execution, new or changed. What never changes during its life is left alone, and so are the indexes on it.
INSERT INTO executions (id, namespace, flow_id, kind, started_at, parent_id, trigger_id, trigger_execution_id,
                        trigger_task_run_id, revision, state, ended_at, duration, settled, labels, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, state = excluded.state, ended_at = excluded.ended_at,
    duration = excluded.duration, settled = excluded.settled, labels = excluded.labels, body = excluded.body;

-- name: take_slot
-- Admit an execution under its flow's limit, unless as many are under way or an older one is queued.
UPDATE executions AS mine SET slot = 1
WHERE id = ?1
  AND (SELECT count(*) FROM executions AS other INDEXED BY executions_unsettled
       WHERE other.settled = 0 AND other.namespace = mine.namespace AND other.flow_id = mine.flow_id
         AND other.id <> mine.id AND other.kind NOT IN ('LOOP', 'PLAYGROUND')
         AND (other.slot OR other.state IN ('RUNNING', 'PAUSED', 'RETRYING', 'RESTARTED', 'BREAKPOINT', 'KILLING')))
      < ?2
  AND NOT EXISTS (SELECT 1 FROM executions AS older INDEXED BY executions_unsettled
       WHERE older.settled = 0 AND older.namespace = mine.namespace AND older.flow_id = mine.flow_id
         AND older.state = 'QUEUED' AND NOT older.slot
         AND (older.started_at, older.id) < (mine.started_at, mine.id));

-- name: put_task_run
-- A task run, new or changed.
INSERT INTO task_runs (execution_id, ordinal, task_id, body) VALUES (?, ?, ?, ?)
ON CONFLICT (execution_id, ordinal) DO UPDATE SET task_id = excluded.task_id, body = excluded.body;

-- name: remove_task_run
-- A task run that a restart took back.
DELETE FROM task_runs WHERE execution_id = ? AND ordinal = ?;

-- name: put_part
-- Something that a task run keeps beside its row.
INSERT INTO task_run_parts (execution_id, ordinal, name, body) VALUES (?, ?, ?, ?)
ON CONFLICT (execution_id, ordinal, name) DO UPDATE SET body = excluded.body;

-- name: drop_parts
-- All that a task run keeps beside its row.
DELETE FROM task_run_parts WHERE execution_id = ? AND ordinal = ?;

-- name: parts
-- What the task runs of an execution keep beside their rows.
SELECT ordinal, name, body FROM task_run_parts WHERE execution_id = ? ORDER BY ordinal, name;

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

-- name: job_of_task_run
-- The attempt of one task run.
SELECT task_run_id, execution_id, task_id, token, attempt, namespace, flow_id, revision, created_at,
       after_execution, worker_id, leased_until
FROM jobs WHERE task_run_id = ?;

-- name: jobs_ahead
-- Attempts that nobody has and that are older than an instant.
SELECT count(*) FROM jobs WHERE worker_id IS NULL AND created_at < ?;

-- name: jobs_by_worker
-- How many attempts each worker has.
SELECT worker_id, count(*) FROM jobs WHERE worker_id IS NOT NULL GROUP BY worker_id;

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

-- name: timers_of_execution
-- The delays of one execution, earliest first.
SELECT execution_id, task_run_id, timer, at, token FROM timers WHERE execution_id = ? ORDER BY at;

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
SELECT namespace, id, revision, created_at, deleted, disabled, description, labels, source, draft FROM flows
WHERE namespace = ? AND id = ? ORDER BY revision DESC LIMIT 1;

-- name: flow_revision
-- One revision of a flow.
SELECT namespace, id, revision, created_at, deleted, disabled, description, labels, source, draft FROM flows
WHERE namespace = ? AND id = ? AND revision = ?;

-- name: flow_revisions
-- All revisions of a flow, oldest first.
SELECT namespace, id, revision, created_at, deleted, disabled, description, labels, source, draft FROM flows
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
FROM (SELECT body FROM executions INDEXED BY executions_unsettled WHERE settled = 0 ORDER BY started_at);

-- name: child_executions
-- Executions that tasks of one execution asked for, oldest first.
SELECT body FROM executions
WHERE trigger_execution_id = ? AND trigger_task_run_id IS NOT NULL ORDER BY started_at, id;

-- name: queued_executions
-- Executions of a flow that wait for a slot, those that wait longest first.
SELECT body FROM executions INDEXED BY executions_by_state
WHERE state = 'QUEUED' AND namespace = ? AND flow_id = ? ORDER BY started_at, id LIMIT ?;

-- name: slot_holders
-- Executions of a flow that count against its limit, oldest first; the same ones as in `take_slot`.
SELECT body FROM executions INDEXED BY executions_unsettled
WHERE settled = 0 AND namespace = ? AND flow_id = ? AND kind NOT IN ('LOOP', 'PLAYGROUND')
  AND (slot OR state IN ('RUNNING', 'PAUSED', 'RETRYING', 'RESTARTED', 'BREAKPOINT', 'KILLING'))
ORDER BY started_at, id LIMIT ?;

-- name: queues
-- Flows of which executions wait for a slot.
SELECT DISTINCT namespace, flow_id FROM executions WHERE state = 'QUEUED';

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
DELETE FROM kv WHERE rowid IN (SELECT rowid FROM kv WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2);

-- name: purge_kv_versions
-- Past versions of keys whose time is over.
DELETE FROM kv_versions WHERE (namespace, key) IN
    (SELECT namespace, key FROM kv WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2);

-- name: keep_kv_version
-- The present version of a key among the past ones.
INSERT OR REPLACE INTO kv_versions
    (namespace, key, type, value, description, version, created_at, updated_at, expires_at)
SELECT namespace, key, type, value, description, version, created_at, updated_at, expires_at FROM kv
WHERE namespace = ? AND key = ?;

-- name: latest_kv_version
-- Number of the latest version of a key that was removed; 0 when there is none.
SELECT coalesce(max(version), 0) FROM kv_versions WHERE namespace = ? AND key = ?;

-- name: forget_kv_versions
-- Versions of a key that are too old to be kept.
DELETE FROM kv_versions WHERE namespace = ? AND key = ? AND version <= ?;

-- name: all_kv_versions
-- Every version of every key, as one JSON list.
SELECT json_group_array(json_array(namespace, key, version, updated_at, expires_at, present))
FROM (SELECT namespace, key, version, updated_at, expires_at, 1 AS present FROM kv
      UNION ALL SELECT namespace, key, version, updated_at, expires_at, 0 FROM kv_versions
      ORDER BY namespace, key, version);

-- name: remove_kv_versions
-- Past versions, given as a JSON list of namespace, key and version.
DELETE FROM kv_versions WHERE (namespace, key, version) IN
    (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?));

-- name: remove_present_kv_versions
-- Present versions, given in the same way.
DELETE FROM kv WHERE (namespace, key, version) IN
    (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?));

-- name: secret
-- One secret, encrypted.
SELECT namespace, key, value, description, tags, updated_at FROM secrets WHERE namespace = ? AND key = ?;

-- name: all_secrets
-- Every secret, encrypted.
SELECT namespace, key, value, description, tags, updated_at FROM secrets ORDER BY namespace, key;

-- name: put_secret
-- A secret, new or changed.
INSERT INTO secrets (namespace, key, value, description, tags, updated_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (namespace, key) DO UPDATE SET value = excluded.value, description = excluded.description,
    tags = excluded.tags, updated_at = excluded.updated_at;

-- name: remove_secret
-- A secret.
DELETE FROM secrets WHERE namespace = ? AND key = ?;

-- name: metrics_of_flow
-- Measurements of one name by executions of a flow, as one JSON list in order of arrival.
SELECT CAST('[' || coalesce(group_concat(body, ','), '') || ']' AS BLOB)
FROM (SELECT CAST(metrics.body AS TEXT) AS body FROM executions JOIN metrics ON metrics.execution_id = executions.id
      WHERE executions.namespace = ?1 AND executions.flow_id = ?2 AND (?3 IS NULL OR metrics.task_id = ?3)
        AND json_extract(CAST(metrics.body AS TEXT), '$.name') = ?4
      ORDER BY metrics.id);

-- name: metric_names_of_flow
-- Names of measurements by executions of a flow.
SELECT DISTINCT json_extract(CAST(metrics.body AS TEXT), '$.name')
FROM executions JOIN metrics ON metrics.execution_id = executions.id
WHERE executions.namespace = ?1 AND executions.flow_id = ?2 AND (?3 IS NULL OR metrics.task_id = ?3) ORDER BY 1;

-- name: metric_tasks_of_flow
-- Tasks of a flow that have measured something.
SELECT DISTINCT metrics.task_id FROM executions JOIN metrics ON metrics.execution_id = executions.id
WHERE executions.namespace = ? AND executions.flow_id = ? ORDER BY 1;

-- name: metrics_of_execution
-- Measurements of an execution, in order of arrival.
SELECT body FROM metrics
WHERE execution_id = ?1 AND (?2 IS NULL OR task_run_id = ?2) AND (?3 IS NULL OR task_id = ?3) ORDER BY id;

-- name: delete_metrics
-- Measurements of an execution.
DELETE FROM metrics WHERE execution_id = ?;

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

-- name: remove_logs
-- Log lines by their ids, given as a JSON list.
DELETE FROM logs WHERE id IN (SELECT value FROM json_each(?));

-- name: add_trigger
-- The record of a trigger that had none.
INSERT INTO triggers (namespace, flow_id, trigger_id, kind, next_at, triggered_at, updated_at, date, execution_id,
                      disabled, locked, due_at, version, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (namespace, flow_id, trigger_id) DO NOTHING;

-- name: change_trigger
-- The next version of a record; nothing when somebody else has written it.
UPDATE triggers SET kind = ?, next_at = ?, triggered_at = ?, updated_at = ?, date = ?, execution_id = ?, disabled = ?,
    locked = ?, due_at = ?, version = ?, body = ?
WHERE namespace = ? AND flow_id = ? AND trigger_id = ? AND version = ?;

-- name: remove_trigger
-- The record of a trigger that is gone.
DELETE FROM triggers WHERE namespace = ? AND flow_id = ? AND trigger_id = ?;

-- name: trigger
-- One record.
SELECT body FROM triggers WHERE namespace = ? AND flow_id = ? AND trigger_id = ?;

-- name: triggers_of_flow
-- Records of one flow, by trigger.
SELECT body FROM triggers WHERE namespace = ? AND flow_id = ? ORDER BY trigger_id;

-- name: due_triggers
-- Records to look at now, those that wait longest first, as one JSON list.
SELECT CAST('[' || coalesce(group_concat(body, ','), '') || ']' AS BLOB)
FROM (SELECT body FROM triggers WHERE due_at <= ? ORDER BY due_at LIMIT ?);

-- name: next_due_trigger
-- When the next record is to be looked at.
SELECT min(due_at) FROM triggers WHERE due_at IS NOT NULL;

-- name: locked_triggers
-- Records whose execution has not ended as far as they know, as one JSON list.
SELECT CAST('[' || coalesce(group_concat(body, ','), '') || ']' AS BLOB)
FROM triggers WHERE execution_id IS NOT NULL;

-- name: evaluating_triggers
-- Records that wait for an evaluation, as one JSON list.
SELECT CAST('[' || coalesce(group_concat(body, ','), '') || ']' AS BLOB)
FROM triggers WHERE locked AND execution_id IS NULL;

-- name: put_trigger_job
-- An evaluation of a trigger for a worker; it takes the place of an older one, whose holder loses it.
INSERT INTO trigger_jobs (namespace, flow_id, trigger_id, revision, since, token) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (namespace, flow_id, trigger_id) DO UPDATE SET revision = excluded.revision, since = excluded.since,
    token = max(token + 1, excluded.token), worker_id = NULL, leased_until = NULL;

-- name: claim_trigger_jobs
-- Lease evaluations that nobody has, or whose lease has run out, oldest first.
UPDATE trigger_jobs SET worker_id = ?1, leased_until = ?2, token = token + 1
WHERE (namespace, flow_id, trigger_id) IN (
    SELECT namespace, flow_id, trigger_id FROM trigger_jobs
    WHERE worker_id IS NULL OR leased_until < ?3 ORDER BY since LIMIT ?4)
RETURNING namespace, flow_id, trigger_id, revision, since, token, worker_id, leased_until;

-- name: renew_trigger_jobs
-- Prolong the leases of a worker, and give them.
UPDATE trigger_jobs SET leased_until = ? WHERE worker_id = ?
RETURNING namespace, flow_id, trigger_id, revision, since, token, worker_id, leased_until;

-- name: release_trigger_jobs
-- Give back the leases of a worker, or all.
UPDATE trigger_jobs SET worker_id = NULL, leased_until = NULL, token = token + 1
WHERE worker_id IS NOT NULL AND (?1 IS NULL OR worker_id = ?1);

-- name: trigger_job
-- The evaluation of one trigger.
SELECT namespace, flow_id, trigger_id, revision, since, token, worker_id, leased_until
FROM trigger_jobs WHERE namespace = ? AND flow_id = ? AND trigger_id = ?;

-- name: hold_trigger_job
-- Whether an evaluation is still leased under a token.
SELECT 1 FROM trigger_jobs WHERE namespace = ? AND flow_id = ? AND trigger_id = ? AND token = ?;

-- name: end_trigger_job
-- An evaluation that came to its end.
DELETE FROM trigger_jobs WHERE namespace = ? AND flow_id = ? AND trigger_id = ? AND token = ?;

-- name: remove_trigger_job
-- An evaluation that nobody wants any more.
DELETE FROM trigger_jobs WHERE namespace = ? AND flow_id = ? AND trigger_id = ?;

-- name: add_firing
-- That an occasion was dealt with; a second time is refused by the primary key.
INSERT INTO firings (namespace, flow_id, trigger_id, occasion, at, execution_id) VALUES (?, ?, ?, ?, ?, ?);

-- name: firing
-- Whether an occasion was dealt with.
SELECT 1 FROM firings WHERE namespace = ? AND flow_id = ? AND trigger_id = ? AND occasion = ?;

-- name: purge_firings
-- Occasions that cannot come again.
DELETE FROM firings WHERE at < ?;

-- name: put_window
-- Preconditions met so far, new or changed.
INSERT INTO windows (namespace, flow_id, name, body) VALUES (?, ?, ?, ?)
ON CONFLICT (namespace, flow_id, name) DO UPDATE SET body = excluded.body;

-- name: remove_window
-- Preconditions that begin anew.
DELETE FROM windows WHERE namespace = ? AND flow_id = ? AND name = ?;

-- name: remove_windows_of_flow
-- All preconditions of a flow.
DELETE FROM windows WHERE namespace = ? AND flow_id = ?;

-- name: window
-- Preconditions met so far.
SELECT body FROM windows WHERE namespace = ? AND flow_id = ? AND name = ?;

-- name: put_read_flow
-- How far a flow was read.
INSERT INTO read_flows (namespace, flow_id, revision, listens) VALUES (?, ?, ?, ?)
ON CONFLICT (namespace, flow_id) DO UPDATE SET revision = excluded.revision, listens = excluded.listens;

-- name: unread_flows
-- Flows with a newer revision than the one that was read.
SELECT newest.namespace, newest.id
FROM (SELECT namespace, id, max(revision) AS revision FROM flows GROUP BY namespace, id) AS newest
LEFT JOIN read_flows ON read_flows.namespace = newest.namespace AND read_flows.flow_id = newest.id
WHERE read_flows.revision IS NULL OR read_flows.revision <> newest.revision;

-- name: is_read_flow
-- Whether the newest revision of a flow was read.
SELECT NOT EXISTS (
    SELECT 1 FROM flows
    WHERE namespace = ?1 AND id = ?2 AND revision > coalesce(
        (SELECT read_flows.revision FROM read_flows WHERE read_flows.namespace = ?1 AND flow_id = ?2), 0
    )
);

-- name: listening_flows
-- Flows that listen to other executions.
SELECT namespace, flow_id FROM read_flows WHERE listens;

-- name: put_mark
-- How far a recurring piece of work has come.
INSERT INTO marks (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at;

-- name: mark
-- How far a recurring piece of work has come.
SELECT at FROM marks WHERE name = ?;

-- name: executions_ended_since
-- Executions that ended at or after an instant, as one JSON list in the order of their ends.
SELECT CAST('[' || coalesce(group_concat(body, ','), '') || ']' AS BLOB)
FROM (SELECT body FROM executions WHERE ended_at >= ? ORDER BY ended_at LIMIT ?);

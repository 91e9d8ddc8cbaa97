-- Typed rows: times as integer milliseconds since 1970 (UTC), phase and verdict apart, who drives a run and where, and
-- requests to stop one.
--
-- Only added to: a driver of the version before goes on writing the tables that it knows, and triggers carry that over.

-- Projection: one line per run, for lists. It stands in the place of `runs`, which only older versions write.
CREATE TABLE run_rows (
    run_id       TEXT PRIMARY KEY,
    seq          INTEGER NOT NULL, -- how many events this line was made from
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    phase        TEXT NOT NULL,    -- requested, ready, running, waiting, finished
    verdict      TEXT,             -- succeeded, failed, cancelled, refused, deferred; only of what is finished
    session_id   TEXT NOT NULL,
    project_root TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    agent        TEXT,
    tier         TEXT,
    rehearsal    INTEGER NOT NULL
) STRICT;
-- Run ids are UUIDv7: their order is the order of time.
CREATE INDEX run_rows_open ON run_rows (phase) WHERE phase <> 'finished';
CREATE INDEX run_rows_by_session ON run_rows (session_id, project_root);

-- An older line has one word for phase and verdict: `waiting` is both, and the last event tells which.
CREATE VIEW runs_of_before AS
SELECT run_id, seq,
    CAST(round(unixepoch(created_at, 'subsec') * 1000) AS INTEGER) AS created_at,
    CAST(round(unixepoch(updated_at, 'subsec') * 1000) AS INTEGER) AS updated_at,
    CASE WHEN is_over THEN 'finished' ELSE word END AS phase,
    CASE WHEN NOT is_over THEN NULL WHEN word = 'waiting' THEN 'deferred' ELSE word END AS verdict,
    session_id, project_root, request_hash, agent, tier, rehearsal
FROM (
    SELECT runs.*, runs.phase AS word,
        runs.phase IN ('succeeded', 'failed', 'cancelled', 'refused')
        OR EXISTS (SELECT 1 FROM events WHERE events.run_id = runs.run_id AND events.kind = 'finished') AS is_over
    FROM runs
);

INSERT INTO run_rows SELECT * FROM runs_of_before;

CREATE TRIGGER runs_inserted AFTER INSERT ON runs BEGIN
    INSERT INTO run_rows SELECT * FROM runs_of_before WHERE run_id = NEW.run_id
    ON CONFLICT (run_id) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at, phase = excluded.phase,
        verdict = excluded.verdict, agent = excluded.agent, tier = excluded.tier WHERE excluded.seq >= run_rows.seq;
END;
CREATE TRIGGER runs_updated AFTER UPDATE ON runs BEGIN
    INSERT INTO run_rows SELECT * FROM runs_of_before WHERE run_id = NEW.run_id
    ON CONFLICT (run_id) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at, phase = excluded.phase,
        verdict = excluded.verdict, agent = excluded.agent, tier = excluded.tier WHERE excluded.seq >= run_rows.seq;
END;

-- Who drives a run, and where. Older versions write `identity` alone; they ran on the host that the file was on.
ALTER TABLE drivers ADD COLUMN host_id TEXT;
ALTER TABLE drivers ADD COLUMN boot_id TEXT;
ALTER TABLE drivers ADD COLUMN pid_namespace TEXT;
ALTER TABLE drivers ADD COLUMN pid INTEGER;
ALTER TABLE drivers ADD COLUMN started_ticks INTEGER; -- since boot
ALTER TABLE drivers ADD COLUMN heartbeat_at INTEGER;

-- Requests to stop a run. Its driver looks for them; a signal only makes it look sooner.
CREATE TABLE cancel_requests (
    run_id       TEXT PRIMARY KEY,
    requested_at INTEGER NOT NULL
) STRICT;

-- Instants as text cannot be compared: `12:00:00Z` is behind `12:00:00.5Z`.
ALTER TABLE hook_facts ADD COLUMN at_ms INTEGER;
UPDATE hook_facts SET at_ms = CAST(round(unixepoch(at, 'subsec') * 1000) AS INTEGER);
CREATE TRIGGER hook_facts_inserted AFTER INSERT ON hook_facts WHEN NEW.at_ms IS NULL BEGIN
    UPDATE hook_facts SET at_ms = CAST(round(unixepoch(NEW.at, 'subsec') * 1000) AS INTEGER) WHERE id = NEW.id;
END;

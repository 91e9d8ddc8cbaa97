-- The ledger: each run's log as it was written, and projections that can be rebuilt from it.
-- Migrations are added, never edited.

CREATE TABLE events (
    run_id TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    at     TEXT NOT NULL,
    kind   TEXT NOT NULL,
    body   TEXT NOT NULL,          -- the whole RunEvent as JSON
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

-- Projection: one line per run, for lists.
CREATE TABLE runs (
    run_id       TEXT PRIMARY KEY,
    seq          INTEGER NOT NULL, -- how many events this line was made from
    created_at   TEXT NOT NULL,
    updated_at   TEXT NOT NULL,
    phase        TEXT NOT NULL,
    session_id   TEXT NOT NULL,
    project_root TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    agent        TEXT,
    tier         TEXT,
    rehearsal    INTEGER NOT NULL
) STRICT;
-- Run ids are UUIDv7: their order is the order of time.
CREATE INDEX runs_open ON runs (phase) WHERE phase IN ('requested', 'ready', 'running');

-- Who drives a run at the moment: pid, start time and boot, as JSON.
CREATE TABLE drivers (
    run_id   TEXT PRIMARY KEY,
    identity TEXT NOT NULL
) STRICT;

-- The circuit breaker of each agent and model.
CREATE TABLE breakers (
    agent TEXT NOT NULL,
    model TEXT NOT NULL,
    state TEXT NOT NULL,           -- core's Breaker as JSON
    PRIMARY KEY (agent, model)
) STRICT;

-- Which session of an agent's CLI a session of ours goes on in.
CREATE TABLE agent_sessions (
    session_id       TEXT NOT NULL,
    command          TEXT NOT NULL, -- the CLI: sessions of one are unknown to another
    project_root     TEXT NOT NULL,
    agent_session_id TEXT NOT NULL,
    updated_at       TEXT NOT NULL,
    PRIMARY KEY (session_id, command, project_root)
) STRICT;

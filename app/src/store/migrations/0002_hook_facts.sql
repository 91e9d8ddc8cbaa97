-- What hooks of agents' CLIs saw and said, as it was written to their spool.

CREATE TABLE hook_facts (
    id         TEXT PRIMARY KEY,   -- a UUIDv7: their order is the order of time
    at         TEXT NOT NULL,
    session_id TEXT NOT NULL,
    kind       TEXT NOT NULL,
    body       TEXT NOT NULL       -- the whole HookFact as JSON
) STRICT, WITHOUT ROWID;

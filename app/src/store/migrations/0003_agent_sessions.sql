-- Which session of an agent's CLI a session of ours goes on in, for each agent of that CLI: a CLI's session keeps its agent.
-- The table of before stays for the versions that write it; its sessions were begun with a system prompt that stays.
CREATE TABLE agent_sessions_by_agent (
    session_id       TEXT NOT NULL,
    command          TEXT NOT NULL, -- the CLI: sessions of one are unknown to another
    agent            TEXT NOT NULL, -- the CLI's own agent; empty where it runs without one
    project_root     TEXT NOT NULL,
    agent_session_id TEXT NOT NULL,
    updated_at       TEXT NOT NULL,
    PRIMARY KEY (session_id, command, agent, project_root)
) STRICT;

-- What was said last in a session is looked for when an agent that does not know it takes over.
CREATE INDEX runs_by_session ON runs (session_id, project_root);

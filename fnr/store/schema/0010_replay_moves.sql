-- Every move of a plan with its reason: the plan itself knows its latest only.

CREATE TABLE replay_move (
    plan   INTEGER NOT NULL REFERENCES replay_plan ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number >= 1),
    at_ms  INTEGER NOT NULL,
    state  TEXT    NOT NULL
           CHECK (state IN ('planning', 'canary', 'running', 'paused', 'stopped', 'done', 'cancelled')),
    author TEXT    NOT NULL,
    why    TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (plan, number)
) STRICT, WITHOUT ROWID;

INSERT INTO replay_move (plan, number, at_ms, state, author, why)
SELECT seq, 1, state_at_ms, state, state_by, why FROM replay_plan;

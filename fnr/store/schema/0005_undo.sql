-- One step of undo: what reverses one act of an attempt. Written when the attempt has ended; until
-- then it stands in the journal that its worker keeps. undo_id is "<token>.<number>".
CREATE TABLE undo_step (
    undo_id        TEXT    PRIMARY KEY,
    task_id        TEXT    NOT NULL REFERENCES task ON DELETE CASCADE,
    token          TEXT    NOT NULL,
    number         INTEGER NOT NULL CHECK (number >= 1),
    function       TEXT    NOT NULL,
    kind           TEXT    NOT NULL CHECK (kind <> ''),
    data           TEXT    NOT NULL,
    recorded_at_ms INTEGER NOT NULL,
    state          TEXT    NOT NULL
                   CHECK (state IN ('recorded', 'undoing', 'undone', 'needs_operator', 'skipped', 'dropped')),
    state_at_ms    INTEGER NOT NULL,
    tries          INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    receipt        TEXT,
    state_by       TEXT    NOT NULL DEFAULT 'fnr',
    reason         TEXT    NOT NULL DEFAULT '',
    UNIQUE (task_id, token, number),
    -- What is being tried has been tried, and nothing ends as undone without a try.
    CHECK (tries >= 1 OR state NOT IN ('undoing', 'undone')),
    -- Whoever asks for an operator, or lets a step go, says why.
    CHECK (reason <> '' OR state NOT IN ('needs_operator', 'skipped'))
) STRICT, WITHOUT ROWID;

-- What asks for an operator: `fnr status` counts them.
CREATE INDEX undo_needs_operator ON undo_step (undo_id) WHERE state = 'needs_operator';

-- A task whose steps are being carried out: the effect of a verdict, gone when all have ended.
-- purpose: 'end' the task will not be tried again; 'retry' it waits for its undo.
-- then_wait: what it waited for besides. due_at_ms: when to go on; NULL: an operator has to.
CREATE TABLE undo_run (
    task_id   TEXT    PRIMARY KEY REFERENCES task ON DELETE CASCADE,
    purpose   TEXT    NOT NULL CHECK (purpose IN ('end', 'retry')),
    then_wait TEXT,
    at_ms     INTEGER NOT NULL,
    due_at_ms INTEGER CHECK (due_at_ms >= 0),
    CHECK (then_wait IS NULL OR purpose = 'retry'),
    CHECK (due_at_ms IS NOT NULL OR purpose = 'retry')
) STRICT, WITHOUT ROWID;

CREATE INDEX undo_run_due ON undo_run (due_at_ms) WHERE due_at_ms IS NOT NULL;

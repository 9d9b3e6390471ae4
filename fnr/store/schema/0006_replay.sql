-- Replays: durable plans that put chosen dead letters back.

-- cursor_rank, cursor_id: the last pending entry that was looked at; all before it have moved on.
-- total and the counts of entries by state are kept in the transaction of every move.
CREATE TABLE replay_plan (
    seq           INTEGER PRIMARY KEY,
    plan_id       TEXT    NOT NULL UNIQUE CHECK (length(plan_id) = 26),
    state         TEXT    NOT NULL
                  CHECK (state IN ('planning', 'canary', 'running', 'paused', 'stopped', 'done', 'cancelled')),
    state_at_ms   INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    created_by    TEXT    NOT NULL,
    state_by      TEXT    NOT NULL,
    why           TEXT    NOT NULL DEFAULT '',
    chosen        TEXT    NOT NULL DEFAULT '',
    by_ids        INTEGER NOT NULL DEFAULT 0 CHECK (by_ids IN (0, 1)),
    options       TEXT    NOT NULL,
    total         INTEGER NOT NULL DEFAULT 0 CHECK (total >= 0),
    held          INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    live          INTEGER NOT NULL DEFAULT 0 CHECK (live >= 0),
    done          INTEGER NOT NULL DEFAULT 0 CHECK (done >= 0),
    dead          INTEGER NOT NULL DEFAULT 0 CHECK (dead >= 0),
    cancelled     INTEGER NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    skipped       INTEGER NOT NULL DEFAULT 0 CHECK (skipped >= 0),
    frozen_at_ms  INTEGER,
    running_at_ms INTEGER,
    judged_done   INTEGER NOT NULL DEFAULT 0,
    judged_dead   INTEGER NOT NULL DEFAULT 0,
    cursor_rank   INTEGER,
    cursor_id     TEXT,
    CHECK (held + live + done + dead + cancelled + skipped <= total),
    -- Nothing is put back before the set is whole.
    CHECK (frozen_at_ms IS NOT NULL OR state IN ('planning', 'paused', 'cancelled'))
) STRICT;

CREATE INDEX replay_plan_open ON replay_plan (plan_id) WHERE state NOT IN ('done', 'cancelled');

-- One letter of a plan. It outlives the letter and its task: it says what became of them here.
CREATE TABLE replay_entry (
    plan    INTEGER NOT NULL REFERENCES replay_plan ON DELETE CASCADE,
    rank    INTEGER NOT NULL,
    task_id TEXT    NOT NULL,
    state   TEXT    NOT NULL DEFAULT 'pending'
            CHECK (state IN ('pending', 'held', 'ready', 'live', 'done', 'dead', 'cancelled', 'skipped')),
    at_ms   INTEGER,
    key     TEXT,
    why     TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (plan, rank, task_id),
    -- Whoever was not put back has a reason.
    CHECK (state <> 'skipped' OR why <> '')
) STRICT, WITHOUT ROWID;

-- A letter stands in a plan once.
CREATE UNIQUE INDEX replay_entry_task ON replay_entry (task_id, plan);
-- And is put back by one plan at a time.
CREATE UNIQUE INDEX replay_entry_live ON replay_entry (task_id) WHERE state = 'live';
-- Nothing of what a million pending entries would have to be in.
CREATE INDEX replay_entry_state ON replay_entry (plan, state, rank, task_id) WHERE state <> 'pending';
CREATE INDEX replay_entry_key ON replay_entry (plan, key, state, rank, task_id)
    WHERE key IS NOT NULL AND state IN ('held', 'ready', 'live');

-- Entries of a replay whose turn has not come stand in a table of their own: it has nothing but
-- their order, so a million of them are written in seconds.

CREATE TABLE replay_pending (
    plan    INTEGER NOT NULL REFERENCES replay_plan ON DELETE CASCADE,
    rank    INTEGER NOT NULL,
    task_id TEXT    NOT NULL,
    PRIMARY KEY (plan, rank, task_id)
) STRICT, WITHOUT ROWID;

INSERT INTO replay_pending (plan, rank, task_id)
SELECT plan, rank, task_id FROM replay_entry WHERE state = 'pending' ORDER BY plan, rank, task_id;

-- An entry whose turn has come. It outlives the letter and its task: it says what became of them.
CREATE TABLE replay_entry_7 (
    plan    INTEGER NOT NULL REFERENCES replay_plan ON DELETE CASCADE,
    rank    INTEGER NOT NULL,
    task_id TEXT    NOT NULL,
    state   TEXT    NOT NULL
            CHECK (state IN ('held', 'ready', 'live', 'done', 'dead', 'cancelled', 'skipped')),
    at_ms   INTEGER NOT NULL,
    key     TEXT,
    why     TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (plan, rank, task_id),
    -- Whoever was not put back has a reason.
    CHECK (state <> 'skipped' OR why <> '')
) STRICT, WITHOUT ROWID;

INSERT INTO replay_entry_7 (plan, rank, task_id, state, at_ms, key, why)
-- Who was skipped from the start stands before all others, whichever way these are ordered.
SELECT o.plan, CASE o.rank WHEN 0 THEN -4611686018427387904 ELSE o.rank END, o.task_id, o.state,
       coalesce(o.at_ms, p.created_at_ms), o.key, o.why
  FROM replay_entry o JOIN replay_plan p ON p.seq = o.plan
 WHERE o.state <> 'pending';

DROP TABLE replay_entry;

-- The first pending entry is the next one: no place has to be remembered.
ALTER TABLE replay_plan DROP COLUMN cursor_rank;
ALTER TABLE replay_plan DROP COLUMN cursor_id;

ALTER TABLE replay_entry_7 RENAME TO replay_entry;

-- A letter stands in a plan once.
CREATE UNIQUE INDEX replay_entry_task ON replay_entry (task_id, plan);
-- And is put back by one plan at a time.
CREATE UNIQUE INDEX replay_entry_live ON replay_entry (task_id) WHERE state = 'live';
CREATE INDEX replay_entry_state ON replay_entry (plan, state, rank, task_id);
CREATE INDEX replay_entry_key ON replay_entry (plan, key, state, rank, task_id)
    WHERE key IS NOT NULL AND state IN ('held', 'ready', 'live');

-- Trying again: smaller ways, what retries may cost, and how far an attempt got.

-- JSON list of the steps down that the task took; '' for none.
ALTER TABLE task ADD COLUMN degraded TEXT NOT NULL DEFAULT '';

-- What was decided names the error it answers and the numbers it was calculated from (JSON).
ALTER TABLE ledger ADD COLUMN error_id TEXT;
ALTER TABLE ledger ADD COLUMN numbers TEXT NOT NULL DEFAULT '{}';
UPDATE ledger SET error_id = (SELECT e.error_id FROM error e WHERE e.token = ledger.token)
 WHERE token IS NOT NULL;

-- What a function may still spend on retries; without a row, what its settings begin with.
CREATE TABLE retry_budget (
    function   TEXT    PRIMARY KEY,
    balance_ms INTEGER NOT NULL CHECK (balance_ms >= 0),
    at_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Tasks whose function could not pay for their retry, in the order in which they are woken.
CREATE INDEX task_parked ON task (function, state_at_ms, task_id)
    WHERE state = 'waiting' AND waiting_for = 'budget';

-- How far the last attempt got, given to the next one of the same function with the same input.
CREATE TABLE checkpoint (
    task_id        TEXT    PRIMARY KEY REFERENCES task ON DELETE CASCADE,
    token          TEXT    NOT NULL,
    function       TEXT    NOT NULL,
    input_revision INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,
    body           TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Times are Unix milliseconds (…_at_ms). JSON is TEXT. Enumerations mirror fnr.policy.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One asked-for run. Rows stay small, because every move rewrites one: input and result are apart.
CREATE TABLE task (
    task_id         TEXT    PRIMARY KEY CHECK (length(task_id) = 26),
    function        TEXT    NOT NULL CHECK (function <> ''),
    state           TEXT    NOT NULL
                    CHECK (state IN ('queued', 'waiting', 'running', 'done', 'dead', 'cancelled')),
    priority        INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 10),
    due_at_ms       INTEGER NOT NULL CHECK (due_at_ms >= 0),
    created_at_ms   INTEGER NOT NULL,
    state_at_ms     INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    retries         INTEGER NOT NULL DEFAULT 0 CHECK (retries >= 0),
    unknowns        INTEGER NOT NULL DEFAULT 0 CHECK (unknowns >= 0),
    waits           INTEGER NOT NULL DEFAULT 0 CHECK (waits >= 0),
    deaths          INTEGER NOT NULL DEFAULT 0 CHECK (deaths >= 0),
    interruptions   INTEGER NOT NULL DEFAULT 0 CHECK (interruptions >= 0),
    replays         INTEGER NOT NULL DEFAULT 0 CHECK (replays >= 0),
    retries_max     INTEGER CHECK (retries_max >= 0),
    timeout_ms      INTEGER CHECK (timeout_ms > 0),
    expires_at_ms   INTEGER,
    unique_key      TEXT,
    tags            TEXT    NOT NULL DEFAULT '{}',
    submitter       TEXT    NOT NULL DEFAULT '',
    idempotency_key TEXT,
    parent_id       TEXT,
    owner           TEXT,
    waiting_for     TEXT,
    reason          TEXT    NOT NULL DEFAULT '',
    cancel_asked    INTEGER NOT NULL DEFAULT 0 CHECK (cancel_asked IN (0, 1)),
    input_revision  INTEGER NOT NULL DEFAULT 1 CHECK (input_revision >= 1),
    -- A running task always has an owner; nothing else ever does.
    CHECK ((state = 'running') = (owner IS NOT NULL)),
    -- A waiting task says what for.
    CHECK ((state = 'waiting') = (waiting_for IS NOT NULL)),
    -- Only running work can be asked to stop.
    CHECK (cancel_asked = 0 OR state = 'running')
) STRICT, WITHOUT ROWID;

-- Claims seek one priority level at a time, so that due dates of other levels cost nothing.
CREATE INDEX task_queued  ON task (function, priority, due_at_ms, task_id) WHERE state = 'queued';
CREATE INDEX task_waiting ON task (due_at_ms) WHERE state = 'waiting';
-- Lists by function, by state or by both, newest first, and retention, oldest first: the tally
-- knows which (function, state) pairs exist, so a list by state is a merge of a few of them.
CREATE INDEX task_list    ON task (function, state, task_id);
CREATE INDEX task_expiry  ON task (expires_at_ms)
    WHERE expires_at_ms IS NOT NULL AND state IN ('queued', 'waiting');
-- While a live task holds a unique key, nobody else may.
CREATE UNIQUE INDEX task_unique ON task (unique_key)
    WHERE unique_key IS NOT NULL AND state IN ('queued', 'waiting', 'running');
CREATE UNIQUE INDEX task_idempotency ON task (idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE task_input (
    task_id  TEXT    NOT NULL REFERENCES task ON DELETE CASCADE,
    revision INTEGER NOT NULL CHECK (revision >= 1),
    at_ms    INTEGER NOT NULL,
    author   TEXT    NOT NULL DEFAULT '',
    body     TEXT    NOT NULL,
    PRIMARY KEY (task_id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_result (
    task_id TEXT PRIMARY KEY REFERENCES task ON DELETE CASCADE,
    token   TEXT NOT NULL,
    body    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt (
    token         TEXT    PRIMARY KEY CHECK (length(token) = 26),
    task_id       TEXT    NOT NULL REFERENCES task ON DELETE CASCADE,
    number        INTEGER NOT NULL CHECK (number >= 1),
    worker_id     TEXT    NOT NULL,
    boot_id       TEXT    NOT NULL,
    pid           INTEGER NOT NULL,
    pid_start     INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL,
    outcome       TEXT    NOT NULL DEFAULT 'running'
                  CHECK (outcome IN ('running', 'done', 'failed', 'interrupted', 'returned', 'cancelled')),
    ended_at_ms   INTEGER,
    cpu_ms        INTEGER,
    peak_mib      INTEGER,
    log_path      TEXT,
    log_from      INTEGER,
    log_to        INTEGER,
    CHECK ((outcome = 'running') = (ended_at_ms IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX attempt_task ON attempt (task_id);

-- All errors with one fingerprint, which is its id. Outlives its errors until it is resolved and old.
CREATE TABLE incident (
    incident_id      TEXT    PRIMARY KEY CHECK (incident_id LIKE '_%:_%'),
    state            TEXT    NOT NULL
                     CHECK (state IN ('new', 'ongoing', 'regressed', 'snoozed', 'resolved')),
    state_at_ms      INTEGER NOT NULL,
    state_by         TEXT    NOT NULL,
    reason           TEXT    NOT NULL DEFAULT '',
    title            TEXT    NOT NULL,
    parts            TEXT    NOT NULL,
    category         TEXT    NOT NULL
                     CHECK (category IN ('transient', 'resource', 'validation', 'permanent', 'unknown')),
    rule             TEXT    NOT NULL,
    function         TEXT    NOT NULL,
    functions        TEXT    NOT NULL,
    count            INTEGER NOT NULL CHECK (count >= 1),
    first_at_ms      INTEGER NOT NULL,
    last_at_ms       INTEGER NOT NULL,
    last_error_id    TEXT    NOT NULL,
    acked_by         TEXT    NOT NULL DEFAULT '',
    snoozed_until_ms INTEGER,
    regressions      INTEGER NOT NULL DEFAULT 0 CHECK (regressions >= 0),
    CHECK (first_at_ms <= last_at_ms),
    -- A snooze has an end.
    CHECK ((state = 'snoozed') = (snoozed_until_ms IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Lists go latest first; what may come to rest is looked at oldest first.
CREATE INDEX incident_list ON incident (last_at_ms, incident_id);
CREATE INDEX incident_open ON incident (last_at_ms) WHERE state <> 'resolved';
CREATE INDEX incident_snoozed ON incident (snoozed_until_ms) WHERE snoozed_until_ms IS NOT NULL;

-- Every move of an incident: its own ledger.
CREATE TABLE incident_move (
    seq         INTEGER PRIMARY KEY,
    incident_id TEXT    NOT NULL REFERENCES incident ON DELETE CASCADE,
    at_ms       INTEGER NOT NULL,
    before      TEXT    NOT NULL,
    after       TEXT    NOT NULL,
    by          TEXT    NOT NULL,
    why         TEXT    NOT NULL
) STRICT;

CREATE INDEX incident_moves ON incident_move (incident_id, seq);

CREATE TABLE error (
    error_id       TEXT    PRIMARY KEY,
    task_id        TEXT    NOT NULL REFERENCES task ON DELETE CASCADE,
    token          TEXT    NOT NULL UNIQUE REFERENCES attempt ON DELETE CASCADE,
    incident_id    TEXT    NOT NULL REFERENCES incident,
    function       TEXT    NOT NULL,
    at_ms          INTEGER NOT NULL,
    category       TEXT    NOT NULL
                   CHECK (category IN ('transient', 'resource', 'validation', 'permanent', 'unknown')),
    strategy       TEXT    NOT NULL
                   CHECK (strategy IN ('retry_with_backoff', 'queue_and_wait', 'fail_fast', 'dead_letter', 'retry_once')),
    rule           TEXT    NOT NULL,
    message        TEXT    NOT NULL,
    exit_code      INTEGER,
    signal         INTEGER,
    killed_by      TEXT,
    evidence       TEXT    NOT NULL,
    classification TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX error_task ON error (task_id);
CREATE INDEX error_incident ON error (incident_id, error_id);
-- What no rule named: few among many, and what new rules are made from.
CREATE INDEX error_nameless ON error (error_id) WHERE rule IN ('unmatched', 'text-model');

-- How often each rule decided, and how often a person said otherwise. Outlives the errors.
CREATE TABLE rule_count (
    rule        TEXT    PRIMARY KEY,
    hits        INTEGER NOT NULL CHECK (hits >= 1),
    corrected   INTEGER NOT NULL DEFAULT 0 CHECK (corrected BETWEEN 0 AND hits),
    first_at_ms INTEGER NOT NULL,
    last_at_ms  INTEGER NOT NULL CHECK (first_at_ms <= last_at_ms)
) STRICT, WITHOUT ROWID;

-- What people say an error is. Holds its own copy of the evidence, because it teaches long after
-- retention has removed the error.
CREATE TABLE correction (
    error_id       TEXT    PRIMARY KEY,
    task_id        TEXT    NOT NULL,
    function       TEXT    NOT NULL,
    category       TEXT    NOT NULL
                   CHECK (category IN ('transient', 'resource', 'validation', 'permanent', 'unknown')),
    at_ms          INTEGER NOT NULL,
    author         TEXT    NOT NULL CHECK (author <> ''),
    why            TEXT    NOT NULL DEFAULT '',
    evidence       TEXT    NOT NULL,
    classification TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX correction_age ON correction (at_ms, error_id);

-- Our own kill ledger: written before the signal is sent, so that even a daemon that dies in
-- between knows who ended the attempt. Deleted when the attempt is settled (by cascade or settle).
CREATE TABLE kill_note (
    token  TEXT    PRIMARY KEY REFERENCES attempt ON DELETE CASCADE,
    reason TEXT    NOT NULL,
    why    TEXT    NOT NULL,
    at_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every decision, in the same transaction as its effect.
CREATE TABLE ledger (
    seq        INTEGER PRIMARY KEY,
    at_ms      INTEGER NOT NULL,
    task_id    TEXT    REFERENCES task ON DELETE CASCADE,
    token      TEXT,
    action     TEXT    NOT NULL,
    why        TEXT    NOT NULL,
    category   TEXT,
    strategy   TEXT,
    rule       TEXT,
    delay_ms   INTEGER,
    decided_by TEXT    NOT NULL DEFAULT 'fnr'
) STRICT;

-- The end of an attempt is decided once. (Decisions without an attempt have no token, and no
-- two missing tokens are equal.)
CREATE UNIQUE INDEX ledger_task ON ledger (task_id, token);

CREATE TABLE dead_letter (
    task_id        TEXT    PRIMARY KEY REFERENCES task ON DELETE CASCADE,
    function       TEXT    NOT NULL,
    cause          TEXT    NOT NULL
                   CHECK (cause IN ('permanent', 'validation', 'exhausted', 'poison', 'expired')),
    category       TEXT    NOT NULL
                   CHECK (category IN ('transient', 'resource', 'validation', 'permanent', 'unknown')),
    reason         TEXT    NOT NULL CHECK (reason <> ''),
    message        TEXT    NOT NULL DEFAULT '',
    error_id       TEXT,
    died_at_ms     INTEGER NOT NULL,
    state          TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replaying', 'resolved')),
    attempts       INTEGER NOT NULL DEFAULT 0,
    replays        INTEGER NOT NULL DEFAULT 0,
    resolved_at_ms INTEGER,
    resolution     TEXT    NOT NULL DEFAULT '',
    CHECK ((state = 'resolved') = (resolved_at_ms IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Lists go newest first by (died_at_ms, task_id); narrower ones merge the kinds the tally knows.
CREATE INDEX dead_letter_state ON dead_letter (state, died_at_ms, task_id);
CREATE INDEX dead_letter_kind
    ON dead_letter (function, state, category, cause, died_at_ms, task_id);

CREATE TABLE worker (
    worker_id     TEXT    PRIMARY KEY,
    function      TEXT    NOT NULL,
    boot_id       TEXT    NOT NULL,
    pid           INTEGER NOT NULL,
    pid_start     INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL,
    secret        TEXT    NOT NULL,
    log_path      TEXT,
    now_path      TEXT,
    ended_at_ms   INTEGER,
    end           TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE INDEX worker_alive ON worker (function) WHERE ended_at_ms IS NULL;
CREATE INDEX worker_ended ON worker (ended_at_ms) WHERE ended_at_ms IS NOT NULL;

CREATE TABLE function (
    function     TEXT    PRIMARY KEY,
    paused       INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    paused_by    TEXT    NOT NULL DEFAULT '',
    paused_at_ms INTEGER
) STRICT, WITHOUT ROWID;

-- How many tasks of a function are in a state, and how many letters of it are in a
-- "state/category/cause": kept in the transaction of every move, so that neither `status` nor a
-- list ever counts rows. `fnr db check` compares it with the truth.
CREATE TABLE tally (
    function TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    count    INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (function, state)
) STRICT, WITHOUT ROWID;

-- Effects decided but not yet delivered; deleted when done.
CREATE TABLE outbox (
    seq         INTEGER PRIMARY KEY,
    key         TEXT    NOT NULL UNIQUE,
    kind        TEXT    NOT NULL,
    data        TEXT    NOT NULL,
    at_ms       INTEGER NOT NULL,
    due_at_ms   INTEGER NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX outbox_due ON outbox (due_at_ms);

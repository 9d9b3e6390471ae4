-- Times …_at_ms are Unix milliseconds; reopen_ms, forced_until_ms and closed_ms are on the boot
-- clock of `boot_id`, which stood at boot_ms when the wall clock stood at at_ms.

CREATE TABLE breaker (
    name            TEXT    PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
    state           TEXT    NOT NULL
                    CHECK (state IN ('closed', 'open', 'half_open', 'forced_open', 'forced_closed', 'shadow')),
    own             TEXT    NOT NULL CHECK (own IN ('closed', 'open', 'half_open')),
    generation      INTEGER NOT NULL CHECK (generation >= 0),
    reopen_ms       INTEGER,
    forced_until_ms INTEGER,
    forced_by       TEXT    NOT NULL DEFAULT '',
    forced_reason   TEXT    NOT NULL DEFAULT '',
    counts          TEXT    NOT NULL,
    openings        INTEGER NOT NULL CHECK (openings >= 0),
    closed_ms       INTEGER NOT NULL,
    good_trials     INTEGER NOT NULL CHECK (good_trials >= 0),
    probe_fails     INTEGER CHECK (probe_fails IN (0, 1)),
    samples         TEXT    NOT NULL,
    boot_id         TEXT    NOT NULL CHECK (boot_id <> ''),
    boot_ms         INTEGER NOT NULL,
    at_ms           INTEGER NOT NULL,
    -- An open breaker knows when it may be tested.
    CHECK ((own = 'open') = (reopen_ms IS NOT NULL)),
    -- A forced state ends.
    CHECK ((state IN ('forced_open', 'forced_closed', 'shadow')) = (forced_until_ms IS NOT NULL)),
    -- Nothing but a forced state hides what its calls have made of it.
    CHECK (forced_until_ms IS NOT NULL OR state = own)
) STRICT, WITHOUT ROWID;

-- Every change of state, each of which begins a generation; the oldest are forgotten.
CREATE TABLE breaker_move (
    name       TEXT    NOT NULL REFERENCES breaker ON DELETE CASCADE,
    generation INTEGER NOT NULL CHECK (generation >= 1),
    at_ms      INTEGER NOT NULL,
    before     TEXT    NOT NULL,
    after      TEXT    NOT NULL,
    why        TEXT    NOT NULL CHECK (why <> ''),
    by         TEXT    NOT NULL CHECK (by <> ''),
    facts      TEXT    NOT NULL,
    PRIMARY KEY (name, generation)
) STRICT, WITHOUT ROWID;

CREATE INDEX breaker_moved ON breaker_move (at_ms);

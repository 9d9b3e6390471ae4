-- What each channel has been told, or is to be told, of each cause.

CREATE TABLE alert (
    channel          TEXT    NOT NULL CHECK (channel <> ''),
    about            TEXT    NOT NULL CHECK (about <> ''),
    state            TEXT    NOT NULL CHECK (state IN ('due', 'told', 'given_up')),
    -- The latest, as JSON.
    body             TEXT    NOT NULL,
    count            INTEGER NOT NULL CHECK (count >= 1),
    fresh            INTEGER NOT NULL CHECK (fresh >= 0),
    first_at_ms      INTEGER NOT NULL,
    last_at_ms       INTEGER NOT NULL,
    due_at_ms        INTEGER,
    told_at_ms       INTEGER,
    told_over        INTEGER NOT NULL DEFAULT 0 CHECK (told_over IN (0, 1)),
    tries            INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    failing_since_ms INTEGER,
    why              TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (channel, about),
    CHECK ((state = 'due') = (due_at_ms IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_due ON alert (channel, due_at_ms) WHERE due_at_ms IS NOT NULL;
CREATE INDEX alert_list ON alert (last_at_ms, channel, about);

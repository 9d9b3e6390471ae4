-- High-rate readings, in a file of their own with synchronous=NORMAL: losing a second of them on
-- power loss is fine, making tasks wait for them is not.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE reading (
    at_ms   INTEGER NOT NULL,
    subject TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    value   REAL,
    PRIMARY KEY (subject, name, at_ms)
) STRICT, WITHOUT ROWID;

CREATE INDEX reading_age ON reading (at_ms);

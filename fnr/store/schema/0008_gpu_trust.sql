-- What the kernel log has said against a GPU counts no more up to a moment, because somebody said so.

CREATE TABLE gpu_trust (
    place    TEXT    PRIMARY KEY CHECK (place <> ''),
    -- The log begins anew with every boot.
    boot_id  TEXT    NOT NULL,
    until_us INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    author   TEXT    NOT NULL,
    why      TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

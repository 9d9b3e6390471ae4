-- What running attempts and living workers were given of the host. Written before they start, in
-- the unit of the claim or before the worker; deleted in the unit that settles the attempt, or that
-- ends the worker.
CREATE TABLE allocation (
    owner       TEXT    NOT NULL CHECK (owner <> ''),
    kind        TEXT    NOT NULL CHECK (kind IN ('gpu', 'vram', 'memory', 'cpus', 'disk')),
    device      TEXT    NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount > 0),
    capacity    INTEGER NOT NULL CHECK (capacity >= amount),
    worker_id   TEXT    NOT NULL,
    function    TEXT    NOT NULL,
    since_at_ms INTEGER NOT NULL,
    PRIMARY KEY (owner, kind, device)
) STRICT, WITHOUT ROWID;

-- A whole GPU is one holder's alone.
CREATE UNIQUE INDEX allocation_gpu ON allocation (device) WHERE kind = 'gpu';

-- Tasks that wait for the same thing, in the order in which they are woken.
CREATE INDEX task_waits ON task (waiting_for, priority DESC, task_id) WHERE state = 'waiting';

-- To whom nothing is issued. An empty time is never.
CREATE TABLE blocks (
    kind   TEXT NOT NULL CHECK (kind IN ('owner', 'caller', 'client')),
    name   TEXT NOT NULL,
    reason TEXT NOT NULL,
    since  TEXT NOT NULL,
    until  TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- Whose sessions were revoked, until the last of them has expired. Sessions that were asked for before
-- the time `before` (milliseconds) are revoked; none is opened before `frozen_until`.
CREATE TABLE revocations (
    kind         TEXT NOT NULL CHECK (kind IN ('owner', 'caller')),
    name         TEXT NOT NULL,
    before       TEXT NOT NULL,
    frozen_until TEXT NOT NULL,
    over_at      TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- What the store was told, so that it can be taken back when it is over.
CREATE TABLE revocation_statements (
    bucket  TEXT NOT NULL,
    id      TEXT NOT NULL,
    over_at TEXT NOT NULL,
    PRIMARY KEY (bucket, id)
) STRICT, WITHOUT ROWID;

-- Who tells the store about a bucket: one process at a time, until then at most.
CREATE TABLE bucket_locks (
    bucket TEXT NOT NULL PRIMARY KEY,
    until  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Counts the changes of blocks and revocations. Each audit event of a session is stored only with the
-- count that the session was checked with.
INSERT INTO fingerprint (name, value) VALUES ('restrictions', '0');

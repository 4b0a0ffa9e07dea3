-- Which owner has which bucket: unique both ways.
CREATE TABLE owned_buckets (
    owner_kind TEXT NOT NULL,
    owner_id   TEXT NOT NULL,
    bucket     TEXT NOT NULL UNIQUE,
    state      TEXT NOT NULL CHECK (state IN ('claimed', 'creating', 'ready')),
    claimed_at TEXT NOT NULL,
    PRIMARY KEY (owner_kind, owner_id)
) STRICT, WITHOUT ROWID;

-- What owners had before the formula of the names was changed: nobody else is given it.
CREATE TABLE former_buckets (
    owner_kind TEXT NOT NULL,
    owner_id   TEXT NOT NULL,
    bucket     TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- One row a credential vended; never a secret. Times are RFC 3339, UTC, whole seconds.
CREATE TABLE audit_trail (
    id            INTEGER PRIMARY KEY,
    time          TEXT NOT NULL,
    request_id    TEXT NOT NULL,
    dialect       TEXT NOT NULL,
    caller        TEXT NOT NULL,
    owner_kind    TEXT NOT NULL,
    owner_id      TEXT NOT NULL,
    bucket        TEXT NOT NULL,
    prefix        TEXT NOT NULL,
    access        TEXT NOT NULL,
    access_key_id TEXT NOT NULL,
    expiration    TEXT NOT NULL
) STRICT;

-- What the bucket names were made with, so that a change is noticed; and the deployment's name.
CREATE TABLE fingerprint (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Written by readiness checks.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at TEXT NOT NULL
) STRICT;

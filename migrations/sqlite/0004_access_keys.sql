-- Access keys that last. Lists are words parted by spaces; an empty time is never. A rotation that
-- has begun is named until it ends.
CREATE TABLE access_keys (
    id                  TEXT NOT NULL PRIMARY KEY,
    name                TEXT NOT NULL,
    owner_kind          TEXT NOT NULL CHECK (owner_kind IN ('principal', 'subject', 'organisation')),
    owner_id            TEXT NOT NULL,
    all_rights          TEXT NOT NULL,
    read_buckets        TEXT NOT NULL,
    write_buckets       TEXT NOT NULL,
    -- What "all" buckets begin with.
    bucket_prefix       TEXT NOT NULL,
    networks            TEXT NOT NULL,
    state               TEXT NOT NULL CHECK (state IN ('pending', 'active', 'failed')),
    rotation            TEXT NOT NULL DEFAULT '',
    rotation_began_at   TEXT NOT NULL DEFAULT '',
    created_at          TEXT NOT NULL,
    disabled_at         TEXT NOT NULL DEFAULT '',
    -- When nothing of a disabled key's was left at the engine.
    cleaned_at          TEXT NOT NULL DEFAULT '',
    deleted_at          TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- The pairs that the engine should hold; never a secret. One that ends has a time.
CREATE TABLE access_key_pairs (
    access_key    TEXT NOT NULL REFERENCES access_keys (id),
    access_key_id TEXT NOT NULL,
    issued_at     TEXT NOT NULL,
    ends_at       TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (access_key, access_key_id)
) STRICT, WITHOUT ROWID;

-- Whose an access key is that a row is about; it may be gone when somebody asks.
ALTER TABLE audit_trail ADD COLUMN holder TEXT NOT NULL DEFAULT '';

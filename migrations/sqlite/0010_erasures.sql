-- Erasures, by the owner's pseudonym: the name of a person who was erased is nowhere else. An empty time
-- is "not yet". A person's bucket stays in former_buckets under the kind 'erased', so that no other owner
-- ever gets it.
CREATE TABLE erasures (
    owner          TEXT NOT NULL PRIMARY KEY,
    begun_at       TEXT NOT NULL,
    -- When no session can reach the objects any more.
    sessions_end   TEXT NOT NULL DEFAULT '',
    finished_at    TEXT NOT NULL DEFAULT '',
    -- What was deleted so far.
    versions       INTEGER NOT NULL DEFAULT 0,
    delete_markers INTEGER NOT NULL DEFAULT 0,
    uploads        INTEGER NOT NULL DEFAULT 0,
    bytes          INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE organisations (
    slug       TEXT NOT NULL PRIMARY KEY,
    state      TEXT NOT NULL CHECK (state IN ('enabled', 'disabled')),
    created_at TEXT NOT NULL
);

-- One that is deleted keeps its area: sessions that are out still reach it.
CREATE TABLE workspaces (
    organisation TEXT NOT NULL REFERENCES organisations (slug),
    slug         TEXT NOT NULL,
    deleted_at   TEXT NOT NULL DEFAULT '',
    created_at   TEXT NOT NULL,
    PRIMARY KEY (organisation, slug)
);

-- Which part of which bucket is an organisation's or a workspace's. That none lies inside another
-- is checked by whoever adds one, holding the lock on the bucket's row in owned_buckets.
CREATE TABLE areas (
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('organisation', 'workspace')),
    owner_id   TEXT NOT NULL,
    bucket     TEXT NOT NULL,
    prefix     TEXT NOT NULL,
    PRIMARY KEY (owner_kind, owner_id),
    UNIQUE (bucket, prefix)
);

-- An empty client_id is any.
CREATE TABLE members (
    organisation TEXT NOT NULL,
    workspace    TEXT NOT NULL,
    subject      TEXT NOT NULL,
    client_id    TEXT NOT NULL,
    access       TEXT NOT NULL CHECK (access IN ('read', 'read-write')),
    PRIMARY KEY (organisation, workspace, subject, client_id),
    FOREIGN KEY (organisation, workspace) REFERENCES workspaces (organisation, slug)
);

-- Never a key: the SHA-256 of one. An empty time is never.
CREATE TABLE api_keys (
    id           TEXT NOT NULL PRIMARY KEY,
    hash         TEXT NOT NULL,
    organisation TEXT NOT NULL REFERENCES organisations (slug),
    label        TEXT NOT NULL,
    storage      TEXT NOT NULL CHECK (storage IN ('yes', 'no')),
    scopes       TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    revoked_at   TEXT NOT NULL DEFAULT '',
    last_used    TEXT NOT NULL DEFAULT ''
);

-- What operators do stands in the audit trail too.
ALTER TABLE audit_trail ADD COLUMN action TEXT NOT NULL DEFAULT 'vend';
ALTER TABLE audit_trail ADD COLUMN detail TEXT NOT NULL DEFAULT '';

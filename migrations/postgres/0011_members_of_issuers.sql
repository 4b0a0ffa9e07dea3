-- Members whom an issuer of issuers.* names. They have a table of their own, so that a gateway of an
-- earlier version never takes them for people of oauth.issuer. An empty client_id is any.
CREATE TABLE issuer_members (
    organisation TEXT NOT NULL,
    workspace    TEXT NOT NULL,
    issuer       TEXT NOT NULL CHECK (issuer <> ''),
    subject      TEXT NOT NULL,
    client_id    TEXT NOT NULL,
    access       TEXT NOT NULL CHECK (access IN ('read', 'read-write')),
    PRIMARY KEY (organisation, workspace, issuer, subject, client_id),
    FOREIGN KEY (organisation, workspace) REFERENCES workspaces (organisation, slug)
);

-- `GET /v1/storage` looks for the workspaces of one workload.
CREATE INDEX issuer_members_by_subject ON issuer_members (issuer, subject, client_id);

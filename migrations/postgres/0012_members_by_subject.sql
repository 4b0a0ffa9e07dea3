-- `GET /v1/storage` looks for the workspaces of one person.
CREATE INDEX IF NOT EXISTS members_by_subject ON members (subject, client_id);

-- GetCallerIdentity finds a session by the SHA-256 of its token; empty for rows that are no sessions, and
-- for sessions from before. Hashes are random, so the index begins with the hour: all writes go to the
-- pages of the present hour, and a search looks into the hours that the longest session can be old.
-- src/adapters/database/audit/by_token.rs repeats the expression and the condition.
ALTER TABLE audit_trail ADD COLUMN session_token_hash TEXT NOT NULL DEFAULT '';

CREATE INDEX IF NOT EXISTS audit_trail_session_token
    ON audit_trail (substr(time, 1, 13), session_token_hash)
    WHERE session_token_hash <> '';

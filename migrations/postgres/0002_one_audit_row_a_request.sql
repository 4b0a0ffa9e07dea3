-- A group that is written again, because nobody knows whether it was, stands there once.
CREATE UNIQUE INDEX audit_trail_request_id ON audit_trail (request_id);

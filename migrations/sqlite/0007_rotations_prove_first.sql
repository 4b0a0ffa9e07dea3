-- Counts up while the process that took the key is at work: a count that stands still tells that the
-- process is gone, whatever the clocks say.
ALTER TABLE access_keys ADD COLUMN renewals INTEGER NOT NULL DEFAULT 0;

-- The rotation that may have left pairs at the engine that are not on record; empty when none has.
ALTER TABLE access_keys ADD COLUMN unclean TEXT NOT NULL DEFAULT '';

-- A new pair is unproven until the engine has accepted it; only then does the one before it end.
ALTER TABLE access_key_pairs ADD COLUMN unproven TEXT NOT NULL DEFAULT ''
    CHECK (unproven IN ('', 'yes'));

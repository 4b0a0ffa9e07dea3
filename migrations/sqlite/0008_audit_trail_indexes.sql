-- What `cloakroom audit` searches by. Keys are random, so an index by the key alone would be written all
-- over the disk, the slower the longer the trail. These have the row's block first, 16384 rows each:
-- all writes go to the pages of the newest block, and a search looks into one block after another.
-- src/adapters/database/audit/part.rs repeats the expressions and conditions.
CREATE INDEX IF NOT EXISTS audit_trail_time ON audit_trail ((id >> 14), time);

CREATE INDEX IF NOT EXISTS audit_trail_access_key_id ON audit_trail ((id >> 14), access_key_id);

-- What follows the last comma: of a principal `["client id","subject"]` it is the end of the subject,
-- of others mostly the whole name. So one index finds a person with and without the client id.
CREATE INDEX IF NOT EXISTS audit_trail_owner ON audit_trail
    ((id >> 14), substr(owner_id, length(rtrim(owner_id, replace(owner_id, ',', ''))) + 1));

-- People who open their own storage are found by the owner.
CREATE INDEX IF NOT EXISTS audit_trail_caller ON audit_trail
    ((id >> 14), substr(caller, length(rtrim(caller, replace(caller, ',', ''))) + 1))
    WHERE caller <> owner_kind || ' ' || owner_id;

-- Rows of access keys.
CREATE INDEX IF NOT EXISTS audit_trail_holder ON audit_trail
    ((id >> 14), substr(holder, length(rtrim(holder, replace(holder, ',', ''))) + 1))
    WHERE holder <> '';

-- People's buckets are found by the owners, whom the registry knows.
CREATE INDEX IF NOT EXISTS audit_trail_bucket ON audit_trail ((id >> 14), bucket)
    WHERE bucket <> '' AND owner_kind <> 'principal';

-- What operators did.
CREATE INDEX IF NOT EXISTS audit_trail_command ON audit_trail (action)
    WHERE action NOT IN ('vend', 'access-key rotate');

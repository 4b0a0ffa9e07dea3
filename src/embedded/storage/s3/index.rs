use std::path::Path;

use s3s::dto::CORSRule;
use s3s::{S3Result, s3_error};
use sqlx::query::Query;
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{FromRow, SqlitePool, query, query_as, query_scalar};

/// The buckets, objects and uploads of the store, in SQLite.
#[derive(Clone)]
pub(super) struct Index {
    pool: SqlitePool,
}

/// An object as a listing shows it.
#[derive(Clone, Debug, FromRow)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) size: i64,
    pub(super) etag: String,
    /// Milliseconds since 1970.
    pub(super) modified: i64,
}

/// A multipart upload under way.
#[derive(Clone, Debug, FromRow)]
pub(super) struct Upload {
    pub(super) id: String,
    pub(super) key: String,
    /// Milliseconds since 1970.
    pub(super) begun: i64,
}

type Statement<'a> = Query<'a, Sqlite, SqliteArguments>;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified INTEGER NOT NULL, PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bucket_tags (
    bucket TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bucket_cors (
    bucket TEXT PRIMARY KEY, rules TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, begun INTEGER NOT NULL,
    owner TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
";

/// In an index of an earlier version, uploads have no owner.
const HAS_OWNERS: &str = "SELECT 1 FROM pragma_table_info('uploads') WHERE name = 'owner'";
const ADD_OWNERS: &str = "ALTER TABLE uploads ADD COLUMN owner TEXT NOT NULL DEFAULT ''";

impl Index {
    pub(super) async fn open(path: &Path) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let pool = SqlitePoolOptions::new().max_connections(4);
        let pool = pool.connect_with(options).await?;
        sqlx::raw_sql(SCHEMA).execute(&pool).await?;
        if query(HAS_OWNERS).fetch_optional(&pool).await?.is_none() {
            query(ADD_OWNERS).execute(&pool).await?;
        }
        Ok(Self { pool })
    }

    pub(super) async fn has_bucket(&self, bucket: &str) -> S3Result<bool> {
        let select = query("SELECT 1 FROM buckets WHERE name = ?");
        self.exists(select.bind(bucket)).await
    }

    pub(super) async fn add_bucket(&self, bucket: &str) -> S3Result<()> {
        let insert = query("INSERT INTO buckets (name) VALUES (?) ON CONFLICT DO NOTHING");
        self.execute(insert.bind(bucket)).await.map(drop)
    }

    /// Removes the bucket, its tags and its CORS rules. Returns `false` if it is not there or not empty.
    pub(super) async fn remove_bucket(&self, bucket: &str) -> S3Result<bool> {
        let delete = query(
            "DELETE FROM buckets WHERE name = ?1 \
             AND NOT EXISTS (SELECT 1 FROM objects WHERE bucket = ?1)",
        );
        let is_removed = self.execute(delete.bind(bucket)).await? > 0;
        if is_removed {
            self.set_tags(bucket, &[]).await?;
            self.set_cors_rules(bucket, None).await?;
        }
        Ok(is_removed)
    }

    pub(super) async fn tags(&self, bucket: &str) -> S3Result<Vec<(String, String)>> {
        let select = "SELECT key, value FROM bucket_tags WHERE bucket = ? ORDER BY key";
        let tags = query_as(select).bind(bucket).fetch_all(&self.pool);
        tags.await.map_err(internal)
    }

    /// Replaces all tags of the bucket.
    pub(super) async fn set_tags(&self, bucket: &str, tags: &[(String, String)]) -> S3Result<()> {
        self.replace_tags(bucket, tags).await.map_err(internal)
    }

    /// The bucket's CORS rules, if it has any.
    pub(super) async fn cors_rules(&self, bucket: &str) -> S3Result<Option<Vec<CORSRule>>> {
        let select = query_scalar("SELECT rules FROM bucket_cors WHERE bucket = ?").bind(bucket);
        let rules: Option<String> = select.fetch_optional(&self.pool).await.map_err(internal)?;
        let rules = rules.map(|rules| serde_json::from_str(&rules));
        rules.transpose().map_err(internal)
    }

    /// Replaces all CORS rules of the bucket.
    pub(super) async fn set_cors_rules(
        &self,
        bucket: &str,
        rules: Option<&[CORSRule]>,
    ) -> S3Result<()> {
        let Some(rules) = rules else {
            let delete = query("DELETE FROM bucket_cors WHERE bucket = ?").bind(bucket);
            return self.execute(delete).await.map(drop);
        };
        let rules = serde_json::to_string(rules).map_err(internal)?;
        let insert = "INSERT INTO bucket_cors (bucket, rules) VALUES (?, ?) \
                      ON CONFLICT (bucket) DO UPDATE SET rules = excluded.rules";
        self.execute(query(insert).bind(bucket).bind(rules))
            .await
            .map(drop)
    }

    async fn replace_tags(
        &self,
        bucket: &str,
        tags: &[(String, String)],
    ) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let delete = query("DELETE FROM bucket_tags WHERE bucket = ?").bind(bucket);
        delete.execute(&mut *transaction).await?;
        for (key, value) in tags {
            let insert = query("INSERT INTO bucket_tags (bucket, key, value) VALUES (?, ?, ?)");
            let insert = insert.bind(bucket).bind(key).bind(value);
            insert.execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }

    pub(super) async fn put_object(&self, bucket: &str, entry: &Entry) -> S3Result<()> {
        let insert = query(
            "INSERT INTO objects (bucket, key, size, etag, modified) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (bucket, key) DO UPDATE SET \
             size = excluded.size, etag = excluded.etag, modified = excluded.modified",
        );
        let insert = insert.bind(bucket).bind(&entry.key).bind(entry.size);
        let insert = insert.bind(&entry.etag).bind(entry.modified);
        self.execute(insert).await.map(drop)
    }

    pub(super) async fn has_object(&self, bucket: &str, key: &str) -> S3Result<bool> {
        let select = query("SELECT 1 FROM objects WHERE bucket = ? AND key = ?");
        self.exists(select.bind(bucket).bind(key)).await
    }

    pub(super) async fn remove_object(&self, bucket: &str, key: &str) -> S3Result<()> {
        let delete = query("DELETE FROM objects WHERE bucket = ? AND key = ?");
        self.execute(delete.bind(bucket).bind(key)).await.map(drop)
    }

    /// The objects after a key, in the order of the bytes of their keys.
    pub(super) async fn objects_after(
        &self,
        bucket: &str,
        key: &str,
        prefix: &str,
        limit: usize,
    ) -> S3Result<Vec<Entry>> {
        let select = query_as(
            "SELECT key, size, etag, modified FROM objects \
             WHERE bucket = ?1 AND key > ?2 AND key >= ?3 AND substr(key, 1, length(?3)) = ?3 \
             ORDER BY key LIMIT ?4",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let select = select.bind(bucket).bind(key).bind(prefix).bind(limit);
        select.fetch_all(&self.pool).await.map_err(internal)
    }

    pub(super) async fn begin_upload(
        &self,
        bucket: &str,
        upload: &Upload,
        owner: &str,
    ) -> S3Result<()> {
        let insert =
            query("INSERT INTO uploads (owner, id, bucket, key, begun) VALUES (?, ?, ?, ?, ?)");
        let insert = insert.bind(owner).bind(&upload.id).bind(bucket);
        let insert = insert.bind(&upload.key).bind(upload.begun);
        self.execute(insert).await.map(drop)
    }

    /// Whether there is an upload with this id for this key of this bucket and, if an owner is
    /// given, of this owner: the id alone proves nothing.
    pub(super) async fn has_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        owner: Option<&str>,
    ) -> S3Result<bool> {
        let select = query(
            "SELECT 1 FROM uploads \
             WHERE bucket = ?1 AND key = ?2 AND id = ?3 AND owner = coalesce(?4, owner)",
        );
        let select = select.bind(bucket).bind(key).bind(id).bind(owner);
        self.exists(select).await
    }

    pub(super) async fn end_upload(&self, id: &str) -> S3Result<()> {
        let delete = query("DELETE FROM uploads WHERE id = ?");
        self.execute(delete.bind(id)).await.map(drop)
    }

    pub(super) async fn uploads(&self, bucket: &str, prefix: &str) -> S3Result<Vec<Upload>> {
        let select = query_as(
            "SELECT id, key, begun FROM uploads \
             WHERE bucket = ?1 AND substr(key, 1, length(?2)) = ?2 ORDER BY key, id LIMIT 1000",
        );
        let select = select.bind(bucket).bind(prefix);
        select.fetch_all(&self.pool).await.map_err(internal)
    }

    async fn exists(&self, select: Statement<'_>) -> S3Result<bool> {
        let row = select.fetch_optional(&self.pool).await.map_err(internal)?;
        Ok(row.is_some())
    }

    /// Returns how many rows the statement changed.
    async fn execute(&self, statement: Statement<'_>) -> S3Result<u64> {
        let done = statement.execute(&self.pool).await.map_err(internal)?;
        Ok(done.rows_affected())
    }
}

/// Logs a failure of the index. The client only learns that there was one.
fn internal(error: impl std::error::Error) -> s3s::S3Error {
    tracing::warn!(%error, "the embedded store failed");
    s3_error!(InternalError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn uploads_of_an_index_without_owners_belong_to_sessions() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index.db");
        let index = Index::open(&path).await.unwrap();
        for old in [
            "INSERT INTO uploads (id, bucket, key, begun) VALUES ('u', 'b', 'k', 0)",
            "ALTER TABLE uploads DROP COLUMN owner",
        ] {
            query(old).execute(&index.pool).await.unwrap();
        }
        index.pool.close().await;
        let index = Index::open(&path).await.unwrap();
        for (owner, expected) in [(None, true), (Some(""), true), (Some("AIDA"), false)] {
            let found = index.has_upload("b", "k", "u", owner).await.unwrap();
            assert_eq!(found, expected, "{owner:?}");
        }
    }
}

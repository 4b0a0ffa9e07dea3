use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{FromRow, Row, SqlitePool};

/// What the store holds: the names, sizes and hashes of its objects, in the order of their keys.
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

type SqlResult<T> = Result<T, sqlx::Error>;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified INTEGER NOT NULL, PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bucket_tags (
    bucket TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, begun INTEGER NOT NULL,
    owner TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
";

/// For an index from before uploads had owners.
const HAS_OWNERS: &str = "SELECT 1 FROM pragma_table_info('uploads') WHERE name = 'owner'";
const ADD_OWNERS: &str = "ALTER TABLE uploads ADD COLUMN owner TEXT NOT NULL DEFAULT ''";

impl Index {
    pub(super) async fn open(path: &Path) -> SqlResult<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await?;
        sqlx::raw_sql(SCHEMA).execute(&pool).await?;
        if sqlx::query(HAS_OWNERS)
            .fetch_optional(&pool)
            .await?
            .is_none()
        {
            sqlx::query(ADD_OWNERS).execute(&pool).await?;
        }
        Ok(Self { pool })
    }

    pub(super) async fn has_bucket(&self, bucket: &str) -> SqlResult<bool> {
        let row = sqlx::query("SELECT 1 FROM buckets WHERE name = ?")
            .bind(bucket)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.is_some())
    }

    /// Whether the bucket is new.
    pub(super) async fn add_bucket(&self, bucket: &str) -> SqlResult<bool> {
        let done = sqlx::query("INSERT INTO buckets (name) VALUES (?) ON CONFLICT DO NOTHING")
            .bind(bucket)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes the bucket unless it holds objects; whether it did.
    pub(super) async fn remove_bucket(&self, bucket: &str) -> SqlResult<bool> {
        let done = sqlx::query(
            "DELETE FROM buckets WHERE name = ?1 \
             AND NOT EXISTS (SELECT 1 FROM objects WHERE bucket = ?1)",
        )
        .bind(bucket)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    pub(super) async fn tags(&self, bucket: &str) -> SqlResult<Vec<(String, String)>> {
        sqlx::query_as("SELECT key, value FROM bucket_tags WHERE bucket = ? ORDER BY key")
            .bind(bucket)
            .fetch_all(&self.pool)
            .await
    }

    /// Replaces all the tags of a bucket.
    pub(super) async fn set_tags(&self, bucket: &str, tags: &[(String, String)]) -> SqlResult<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM bucket_tags WHERE bucket = ?")
            .bind(bucket)
            .execute(&mut *transaction)
            .await?;
        for (key, value) in tags {
            sqlx::query("INSERT INTO bucket_tags (bucket, key, value) VALUES (?, ?, ?)")
                .bind(bucket)
                .bind(key)
                .bind(value)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }

    pub(super) async fn put(&self, bucket: &str, entry: &Entry) -> SqlResult<()> {
        sqlx::query(
            "INSERT INTO objects (bucket, key, size, etag, modified) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (bucket, key) DO UPDATE SET \
             size = excluded.size, etag = excluded.etag, modified = excluded.modified",
        )
        .bind(bucket)
        .bind(&entry.key)
        .bind(entry.size)
        .bind(&entry.etag)
        .bind(entry.modified)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(super) async fn has(&self, bucket: &str, key: &str) -> SqlResult<bool> {
        let row = sqlx::query("SELECT 1 FROM objects WHERE bucket = ? AND key = ?")
            .bind(bucket)
            .bind(key)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.is_some())
    }

    pub(super) async fn remove(&self, bucket: &str, key: &str) -> SqlResult<()> {
        sqlx::query("DELETE FROM objects WHERE bucket = ? AND key = ?")
            .bind(bucket)
            .bind(key)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The next entries after a key, in the order of their bytes.
    pub(super) async fn after(
        &self,
        bucket: &str,
        key: &str,
        prefix: &str,
        limit: usize,
    ) -> SqlResult<Vec<Entry>> {
        sqlx::query_as(
            "SELECT key, size, etag, modified FROM objects \
             WHERE bucket = ?1 AND key > ?2 AND key >= ?3 AND substr(key, 1, length(?3)) = ?3 \
             ORDER BY key LIMIT ?4",
        )
        .bind(bucket)
        .bind(key)
        .bind(prefix)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
    }

    pub(super) async fn begin(&self, bucket: &str, upload: &Upload, owner: &str) -> SqlResult<()> {
        sqlx::query("INSERT INTO uploads (owner, id, bucket, key, begun) VALUES (?, ?, ?, ?, ?)")
            .bind(owner)
            .bind(&upload.id)
            .bind(bucket)
            .bind(&upload.key)
            .bind(upload.begun)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Whether this upload is one to this key of this bucket, and this owner's, if one is named: an
    /// upload's id alone proves nothing.
    pub(super) async fn is_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        owner: Option<&str>,
    ) -> SqlResult<bool> {
        let row = sqlx::query(
            "SELECT bucket = ?1 AND key = ?2 AND owner = coalesce(?4, owner) \
             FROM uploads WHERE id = ?3",
        )
        .bind(bucket)
        .bind(key)
        .bind(id)
        .bind(owner)
        .fetch_optional(&self.pool)
        .await?;
        row.map_or(Ok(false), |row| row.try_get::<bool, _>(0))
    }

    pub(super) async fn end(&self, id: &str) -> SqlResult<()> {
        sqlx::query("DELETE FROM uploads WHERE id = ?")
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(super) async fn uploads(&self, bucket: &str, prefix: &str) -> SqlResult<Vec<Upload>> {
        sqlx::query_as(
            "SELECT id, key, begun FROM uploads \
             WHERE bucket = ?1 AND substr(key, 1, length(?2)) = ?2 ORDER BY key, id LIMIT 1000",
        )
        .bind(bucket)
        .bind(prefix)
        .fetch_all(&self.pool)
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn uploads_of_an_index_without_owners_are_nobodys_in_particular() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index.db");
        let index = Index::open(&path).await.unwrap();
        for old in [
            "INSERT INTO uploads (id, bucket, key, begun) VALUES ('u', 'b', 'k', 0)",
            "ALTER TABLE uploads DROP COLUMN owner",
        ] {
            sqlx::query(old).execute(&index.pool).await.unwrap();
        }
        index.pool.close().await;
        let index = Index::open(&path).await.unwrap();
        for (owner, expected) in [(None, true), (Some(""), true), (Some("AIDA"), false)] {
            let found = index.is_upload("b", "k", "u", owner).await.unwrap();
            assert_eq!(found, expected, "{owner:?}");
        }
    }
}

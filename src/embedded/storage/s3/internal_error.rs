use s3s::s3_error;

/// A failure of the store itself, for the log; the client learns nothing of it.
pub(super) fn internal(error: impl std::error::Error) -> s3s::S3Error {
    tracing::warn!(%error, "the embedded store failed");
    s3_error!(InternalError)
}

//! The embedded store: what it holds, and what it refuses.

mod bucket_calls;
mod errors;
mod isolation;
mod request_log;
mod sessions;
mod sign_in;
mod store;
mod unread;
mod users;

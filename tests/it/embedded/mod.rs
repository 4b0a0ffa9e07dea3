//! The embedded store: what it holds, and what it refuses.

mod bucket_calls;
mod isolation;
mod sessions;
mod sign_in;
mod store;
mod unread;
mod users;

//! The embedded store: what it holds, and what it refuses.

mod isolation;
mod sessions;
mod sign_in;
mod store;
mod unread;
mod users;

//! Pages for people.

mod assets;
pub(crate) mod console;
mod console_policy;
pub(crate) mod design;
pub(crate) mod home;
pub(crate) mod page;
pub mod snippets;
pub(crate) mod swagger_ui;

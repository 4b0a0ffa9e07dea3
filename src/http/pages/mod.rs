//! Pages for people.

pub(crate) mod design;
pub(crate) mod home;
pub(crate) mod page;
pub mod snippets;
pub(crate) mod swagger_ui;

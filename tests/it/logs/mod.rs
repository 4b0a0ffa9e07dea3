//! What an operator reads on standard error.

mod owners;
mod readers;

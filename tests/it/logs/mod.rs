//! The log on standard error.

mod health_checks;
mod owners;
mod readers;

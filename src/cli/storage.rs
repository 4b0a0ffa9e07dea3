//! What a person may open, as `GET /v1/storage` lists it.

use std::collections::HashSet;

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::error::CommandError;
use super::gateway::Connection;

/// How many entries to ask for at a time.
const LIMIT: &str = "200";

/// How many pages are read: a gateway could send pages for ever.
const MAX_PAGES: usize = 50;

/// What a person may open.
pub(super) struct Storage {
    pub(super) items: Vec<Item>,
    /// Whether there is more than these.
    pub(super) more: bool,
}

/// One place that a person may open.
#[derive(Deserialize, Serialize)]
pub(super) struct Item {
    pub(super) kind: String,
    pub(super) name: Option<String>,
    /// Nothing until the bucket was made.
    pub(super) bucket: Option<String>,
    pub(super) prefix: String,
    pub(super) access: String,
    pub(super) endpoint: String,
    pub(super) region: String,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    next: Option<String>,
}

impl Storage {
    /// Reads page after page.
    pub(super) async fn list(connection: &Connection) -> Result<Self, CommandError> {
        let mut items = Vec::new();
        let mut asked = HashSet::new();
        let mut after = None;
        while asked.len() < MAX_PAGES && asked.insert(after.clone()) {
            let page = page(connection, after.as_deref()).await?;
            items.extend(page.items);
            if page.next.is_none() {
                return Ok(Self { items, more: false });
            }
            after = page.next;
        }
        Ok(Self { items, more: true })
    }
}

async fn page(connection: &Connection, after: Option<&str>) -> Result<Page, CommandError> {
    let mut address = connection.gateway.address("/v1/storage");
    address.query_pairs_mut().append_pair("limit", LIMIT);
    if let Some(after) = after {
        address.query_pairs_mut().append_pair("after", after);
    }
    let reply = connection.ask_signed_in(Method::GET, address).await?;
    connection.read(&reply)
}

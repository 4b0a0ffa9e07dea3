//! The parameters of a list in pages.

use std::ops::RangeInclusive;
use std::str::FromStr;

use utoipa::openapi::path::Parameter;

use crate::http::openapi::operations::{number_parameter, text_query_parameter};
use crate::service::{PageQuery, Refusal};

const LIMIT: &str = "limit";
const AFTER: &str = "after";

/// The parameters' names.
pub(crate) const PAGING: [&str; 2] = [LIMIT, AFTER];

/// How many entries a page may have.
const LIMITS: RangeInclusive<usize> = 1..=1_000;
const DEFAULT_LIMIT: usize = 100;

const BAD_AFTER: Refusal =
    Refusal::MalformedRequest("The parameter after is not the next of an earlier page.");

/// The page that the parameters ask for.
pub(crate) fn page<P: FromStr>(parameters: &[(String, String)]) -> Result<PageQuery<P>, Refusal> {
    let mut page = PageQuery {
        after: None,
        limit: DEFAULT_LIMIT,
    };
    for (name, value) in parameters {
        match name.as_str() {
            LIMIT => page.limit = limit(value)?,
            AFTER => page.after = Some(value.parse().map_err(|_| BAD_AFTER)?),
            _ => {}
        }
    }
    Ok(page)
}

/// Digits only, as durations.
fn limit(value: &str) -> Result<usize, Refusal> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let limit = value.parse().ok().filter(|_| digits);
    limit
        .filter(|limit| LIMITS.contains(limit))
        .ok_or(Refusal::MalformedRequest(
            "The limit must be a whole number from 1 to 1000.",
        ))
}

/// The parameters, for the contract.
pub(crate) fn paging_parameters() -> Vec<Parameter> {
    vec![
        number_parameter(
            LIMIT,
            "How many entries to return at most; 100 by default.",
            &LIMITS,
        ),
        text_query_parameter(AFTER, "`next` of the page before."),
    ]
}

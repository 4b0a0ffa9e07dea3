use crate::http::openapi_yaml;

use super::outcome::{CommandError, print};

/// `cloakroom openapi`
pub(super) fn run() -> Result<(), CommandError> {
    print(&openapi_yaml())
}

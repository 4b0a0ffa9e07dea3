use crate::http::openapi_yaml;

use super::error::CommandError;
use super::output::print;

/// Print the OpenAPI contract
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  cloakroom openapi > openapi.yaml")]
pub(super) struct OpenapiCommand;

impl OpenapiCommand {
    pub(super) fn run() -> Result<(), CommandError> {
        print(&openapi_yaml())
    }
}

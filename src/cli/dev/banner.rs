use std::net::SocketAddr;

use crate::embedded::authorization_server::AuthorizationServer;
use crate::embedded::storage::Storage;
use crate::http::Samples;
use crate::http::pages::snippets;

use super::OAUTH_PORT;
use super::data::DataDirectory;

/// What `dev` prints once it is ready. Each command stands alone and works in any folder.
pub(super) fn banner(
    (address, metrics): (SocketAddr, Option<SocketAddr>),
    oauth: &AuthorizationServer,
    storage: &Storage,
    samples: &Samples,
    data: &DataDirectory,
) -> String {
    let gateway = format!("http://{address}");
    let metrics = metrics.map_or("none".to_owned(), |metrics| {
        format!("http://{metrics}/metrics")
    });
    let (issuer, store) = (oauth.issuer(), storage.url());
    let config = quoted(&data.config_file().display().to_string());
    let data = data.path().display();
    let workspace = &samples.workspace;
    format!(
        "\ncloakroom is ready. FOR DEVELOPMENT ONLY: anyone on this machine can get a token for any user.\n\
             \n  gateway               {gateway}\
             \n  in the browser        {gateway}/console/\
             \n  to try the API        {gateway}/swagger-ui/index.html\
             \n  authorization server  {issuer}\
             \n  store                 {store}\
             \n  metrics               {metrics}\
             \n  data                  {data}\n\
             \nPaste into another terminal, to store a file in alice's own bucket and read it back:\n\n\
             {functions}\nTOKEN=$({token})\n{first_file}\n\
             \nCredentials for the organisation {organisation}, by API key, and for its workspace {name}, whose \
             members are alice and bob (read-only):\n\n\
             {by_key}\n{by_membership}\n\
             \nOperators' commands (also workspace, api-key, access-key, bucket, audit, backup):\n\n\
             {administer}\n\n",
        token = samples.token_command,
        functions = snippets::functions(&gateway),
        first_file = snippets::FIRST_FILE,
        organisation = workspace.organisation,
        name = workspace.workspace,
        by_key = snippets::api_key_line(&gateway, &samples.api_key),
        by_membership = snippets::workspace_line(
            &gateway,
            workspace.organisation.as_str(),
            workspace.workspace.as_str()
        ),
        administer = this_program(&format!("org list --config {config}")),
    )
}

/// The command that prints a token of alice's.
pub(super) fn token_command(oauth: &AuthorizationServer) -> String {
    match oauth.port() {
        OAUTH_PORT => this_program("dev-token alice"),
        port => this_program(&format!("dev-token alice --oauth-port {port}")),
    }
}

/// Names this program by its path: it need not be in the `PATH` of the shell.
fn this_program(arguments: &str) -> String {
    let path =
        std::env::current_exe().map_or("cloakroom".into(), |path| path.display().to_string());
    format!("{} {arguments}", quoted(&path))
}

/// One word to a shell.
fn quoted(path: &str) -> String {
    // Only a NUL cannot be quoted, and no path contains one.
    shlex::try_quote(path).map_or_else(|_| path.to_owned(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_path_with_blanks_and_quotes_is_one_word() {
        assert_eq!(quoted("/usr/bin/cloakroom"), "/usr/bin/cloakroom");
        assert_eq!(quoted("/my files/cloakroom"), "'/my files/cloakroom'");
        let odd = "/it's $HOME/`cloakroom`";
        assert_eq!(shlex::split(&quoted(odd)).unwrap(), [odd]);
    }
}

//! The keys of `[issuers.<name>]`.

use crate::config::key::Key;

pub(super) const ISSUER: Key = Key::new(
    "issuers.<name>.issuer",
    "The issuer, as its tokens write it in `iss`; compared byte for byte. `spiffe://trust-domain` takes \
     the domain's JWT-SVIDs, which have no `iss`. The storage of its callers follows from `<name>`, which \
     therefore never changes.",
)
.required()
.see("Workloads", "workloads.md");

pub(super) const AUDIENCE: Key = Key::new(
    "issuers.<name>.audience",
    "What a token's `aud` must contain: a name for this gateway.",
)
.required();

pub(super) const DISCOVERY_URL: Key = Key::new(
    "issuers.<name>.discovery_url",
    "Where the metadata is read if the gateway cannot reach the issuer by its own name.",
)
.otherwise("`issuers.<name>.issuer`");

pub(super) const JWKS_URI: Key = Key::new(
    "issuers.<name>.jwks_uri",
    "Where the gateway reads the keys that sign tokens.",
)
.otherwise("from discovery");

pub(super) const JWKS_FILE: Key = Key::new(
    "issuers.<name>.jwks_file",
    "A file with the keys that sign tokens (RFC 7517), instead of an address. It may be replaced while \
     the gateway runs.",
)
.see("Files that change", "files.md#files-that-change");

pub(super) const CA_FILE: Key = Key::new(
    "issuers.<name>.ca_file",
    "Certificate authorities (PEM) to trust for this issuer. The file may be replaced while the gateway \
     runs.",
)
.otherwise("the system's")
.see("Files that change", "files.md#files-that-change");

pub(super) const BEARER_TOKEN: Key = Key::new(
    "issuers.<name>.bearer_token",
    "A token to send when metadata and keys are read, as the API server of Kubernetes needs it. It goes to \
     the host of `jwks_uri`, `discovery_url` or `issuer` only: if the metadata name keys on another host, \
     set `jwks_uri`.",
);

pub(super) const ALLOW_HTTP: Key = Key::new(
    "issuers.<name>.allow_http",
    "Whether this issuer may be reached over plain http on another machine.",
)
.default("false");

pub(super) const ACCEPT_TYP: Key = Key::new(
    "issuers.<name>.accept_typ",
    "The kinds of tokens (`typ` in the header) that are accepted, in any case; `none` is a token without \
     one.",
)
.otherwise("`at+jwt`");

pub(super) const REQUIRED_SCOPE: Key = Key::new(
    "issuers.<name>.required_scope",
    "The word that a token's `scope` must contain, if any.",
);

pub(super) const CLIENT_ID: Key = Key::new(
    "issuers.<name>.client_id",
    "Where the client id comes from: a claim's name, a template of claims such as `{project_id}:{ref}`, \
     or `fixed:` and the id itself.",
)
.otherwise("`client_id`, else `azp`");

pub(super) const SUBJECT: Key = Key::new(
    "issuers.<name>.subject",
    "Where the subject comes from: a claim's name, or a template of claims.",
)
.otherwise("`sub`")
.see("Whose storage", "workloads.md#whose-storage");

pub(super) const CONDITIONS: Key = Key::new(
    "issuers.<name>.conditions",
    "What every token must claim: tables with a `claim` and `equals`, `one_of` or `glob`. All must hold. \
     Required for issuers of which everybody can get tokens, such as GitHub Actions.",
)
.see("Conditions", "workloads.md#conditions");

pub(super) const GRANTS: Key = Key::new(
    "issuers.<name>.grants",
    "Workspaces that tokens open: tables with `match` (claims and their exact values), `workspace` and \
     `access` (`read` or `read-write`).",
)
.see("Grants", "workloads.md#grants");

pub(super) const MAX_SESSION: Key = Key::new(
    "issuers.<name>.max_session",
    "How long sessions of its callers last at most: from 15m to 12h.",
)
.otherwise("`storage.session_duration`");

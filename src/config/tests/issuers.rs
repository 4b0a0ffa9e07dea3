use std::time::Duration;

use super::*;

const GITHUB: &str = r#"
[issuers.github]
issuer = "https://token.actions.githubusercontent.com"
audience = "cloakroom"
accept_typ = ["JWT"]
client_id = "fixed:github"
subject = "{repository_id}"
conditions = [
    { claim = "repository_owner_id", equals = 1234 },
    { claim = "ref", one_of = ["refs/heads/main", "refs/heads/next"] },
    { claim = "workflow_ref", glob = "acme/app/.github/**" },
]
grants = [{ match = { repository = "acme/app", ref_protected = true }, workspace = "acme/ci", access = "read-write" }]
max_session = "30m"
"#;

fn with_file(file: &str) -> Result<Config, Vec<String>> {
    load(Some(file), GOOD)
}

/// The only complaint about an issuer with these lines besides `issuer` and `audience`.
fn complaint_about(lines: &str) -> String {
    let file = format!("[issuers.a]\nissuer = 'https://a.example'\naudience = 'b'\n{lines}");
    let errors = with_file(&file).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].clone()
}

#[test]
fn an_issuer_is_read_from_the_file() {
    let config = with_file(GITHUB).unwrap();
    let [issuer] = config.issuers.as_slice() else {
        panic!("{:?}", config.issuers);
    };
    let rules = &issuer.rules;
    assert_eq!(rules.name.as_str(), "github");
    assert_eq!(rules.conditions.len(), 3);
    assert_eq!(rules.grants[0].claims["ref_protected"], "true");
    assert_eq!(rules.grants[0].workspace.to_string(), "acme/ci");
    assert_eq!(rules.max_session, Some(Duration::from_mins(30)));
    assert_eq!(issuer.accept_typ, ["JWT"]);
    assert!(matches!(issuer.keys, IssuerKeys::Discovery(_)));
    let audience = |setting: &&Setting| setting.key == "issuers.github.audience";
    let audience = config.settings.iter().find(audience).unwrap();
    assert_eq!(audience.value.as_deref(), Some("cloakroom"));
}

#[test]
fn an_issuer_is_read_from_the_environment() {
    let config = with(&[
        (
            "CLOAKROOM_ISSUERS__MY_CLUSTER__ISSUER",
            "https://k8s.example",
        ),
        ("CLOAKROOM_ISSUERS__MY_CLUSTER__AUDIENCE", "cloakroom"),
        ("CLOAKROOM_ISSUERS__MY_CLUSTER__ACCEPT_TYP", "none, JWT"),
        (
            "CLOAKROOM_ISSUERS__MY_CLUSTER__CONDITIONS",
            r#"[{"claim":"sub","glob":"system:serviceaccount:team-a:*"}]"#,
        ),
        (
            "CLOAKROOM_ISSUERS__MY_CLUSTER__GRANTS",
            r#"[{"match":{"sub":"x"},"workspace":"acme/ci","access":"read"}]"#,
        ),
    ]);
    let config = config.unwrap();
    let issuer = &config.issuers[0];
    assert_eq!(issuer.rules.name.as_str(), "my-cluster");
    assert_eq!(issuer.accept_typ, ["none", "JWT"]);
    assert_eq!(issuer.rules.conditions.len(), 1);
    assert_eq!(issuer.rules.grants.len(), 1);
}

#[test]
fn the_environment_wins_over_an_issuers_table() {
    let variables = [("CLOAKROOM_ISSUERS__GITHUB__AUDIENCE", "other")];
    let config = load(Some(GITHUB), &[GOOD, &variables].concat()).unwrap();
    assert_eq!(config.issuers[0].rules.audience, "other");
}

#[test]
fn all_mistakes_of_all_issuers_are_reported_each_with_its_key() {
    let file = r#"
[issuers.a]
jwks_uri = "http://keys.example"
accept_typ = []
client_id = "fixed:"
subject = "{a}{b}"
max_session = "14m"
conditions = [{ claim = "sub" }, { claim = "x", equals = "a", glob = "b" }, { claim = "y", equals = 1.5 }, { claim = "z", glob = "x", equals = nan }, { claim = "z", equals = nan }, { claim = "z", one_of = [inf] }]
grants = [{ match = {}, workspace = "acme/ci", access = "read" }, { match = { a = "b" }, workspace = "acme", access = "read" }]
audiense = "typo"
[issuers.B]
issuer = "https://b.example"
[issuers."<name>"]
issuer = "https://b.example"
[issuers.c]
issuer = "https://c.example?x"
audience = ""
bearer_token = "two words"
"#;
    let errors = with_file(file).unwrap_err();
    for start in [
        "issuers.a.issuer: is required",
        "issuers.a.audience: is required",
        "issuers.a.jwks_uri: is plain http to a host that is not loopback: use https or set issuers.a.allow_http",
        "issuers.a.accept_typ: must not be empty",
        "issuers.a.client_id: the client id is empty",
        "issuers.a.subject: needs text between two claims",
        "issuers.a.max_session: must be from 15m to 12h",
        "issuers.a.conditions: 1: expected one of equals, one_of and glob",
        "issuers.a.conditions: 2: expected one of equals, one_of and glob",
        "issuers.a.conditions: 3: ",
        "issuers.a.conditions: 4: invalid type: null",
        "issuers.a.conditions: 5: invalid type: null",
        "issuers.a.conditions: 6: invalid type: null",
        "issuers.a.grants: 1: match: must name a claim",
        "issuers.a.grants: 2: workspace: ",
        "issuers.a.audiense: there is no such key; did you mean issuers.a.audience?",
        "issuers.B: expected an issuer's name",
        "issuers.<name>: expected an issuer's name",
        "issuers.c.issuer: must be a URL without query or fragment",
        "issuers.c.audience: must not be empty",
        "issuers.c.bearer_token: must be one word",
    ] {
        let found = errors.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!(found, 1, "{start} in {errors:#?}");
    }
}

#[test]
fn a_mistake_in_a_list_of_tables_is_named() {
    for (lines, expected) in [
        (
            "conditions = 'x'",
            "issuers.a.conditions: expected a list of tables, as JSON",
        ),
        (
            "conditions = ['x']",
            "issuers.a.conditions: expected a list of tables",
        ),
        (
            "conditions = [{ claim = 'a', equals = 'b', regex = 'c' }]",
            "issuers.a.conditions: 1: unknown field `regex`",
        ),
        (
            r#"conditions = '[{"claim":"a","glob":"x","equals":null}]'"#,
            "issuers.a.conditions: 1: invalid type: null",
        ),
        (
            "conditions = [{ claim = 'a', one_of = [] }]",
            "issuers.a.conditions: 1: one_of: must not be empty",
        ),
        (
            "conditions = [{ claim = 'a', glob = '***' }]",
            "issuers.a.conditions: 1: glob: has more than two * in a row",
        ),
        (
            "grants = [{ match = { ref = 'refs/heads/*' }, workspace = 'a/b', access = 'read' }]",
            "issuers.a.grants: 1: match: ref: is compared exactly",
        ),
        (
            "grants = [{ match = { ref = 'x' }, workspace = 'a/b' }]",
            "issuers.a.grants: 1: missing field `access`",
        ),
        (
            "grants = [{ match = { ref = 'x' }, workspace = 'a/b', access = 'write' }]",
            "issuers.a.grants: 1: unknown variant `write`",
        ),
    ] {
        let complaint = complaint_about(lines);
        assert!(complaint.starts_with(expected), "{complaint}");
    }
}

#[test]
fn an_issuer_that_everybody_gets_tokens_of_needs_a_condition_on_whose_they_are() {
    for issuer in [
        "https://token.actions.githubusercontent.com",
        "https://gitlab.com/",
        "https://Accounts.Google.com:443",
    ] {
        for condition in [
            "",
            "conditions = [{ claim = 'aud', equals = 'b' }]",
            "conditions = [{ claim = 'sub', glob = '**' }]",
        ] {
            let file = format!("[issuers.a]\nissuer = '{issuer}'\naudience = 'b'\n{condition}\n");
            let errors = with_file(&file).unwrap_err();
            let [error] = errors.as_slice() else {
                panic!("{errors:?}");
            };
            let expected = "issuers.a.conditions: everybody can get tokens of ";
            assert!(error.starts_with(expected), "{error}");
        }
    }
    let mine = "[issuers.a]\nissuer = 'https://gitlab.example'\naudience = 'b'\n";
    assert!(with_file(mine).is_ok());
}

#[test]
fn two_tables_for_one_issuer_are_refused() {
    let table = |name: &str, issuer: &str| {
        format!("[issuers.{name}]\nissuer = '{issuer}'\naudience = 'b'\n")
    };
    for twin in [
        "https://a.example",
        "https://A.example/",
        "https://a.example:443",
    ] {
        let file = table("one", "https://a.example") + &table("two", twin);
        let error = with_file(&file).unwrap_err().join("\n");
        let expected = "issuers.two.issuer: is the same as issuers.one.issuer";
        assert!(error.starts_with(expected), "{error}");
    }
    let file = table("one", "https://as.example/");
    let error = with_file(&file).unwrap_err().join("\n");
    let expected = "issuers.one.issuer: is the same as oauth.issuer";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn the_keys_come_from_one_place() {
    let both = complaint_about("jwks_uri = 'https://a/jwks'\ndiscovery_url = 'https://a'");
    assert!(
        both.contains("set one of jwks_uri, jwks_file and discovery_url"),
        "{both}"
    );
    let spiffe = "[issuers.a]\nissuer = 'spiffe://example.org'\naudience = 'b'\n";
    let error = with_file(spiffe).unwrap_err().join("\n");
    assert!(error.contains("a trust domain has no discovery"), "{error}");
    let with_keys = format!("{spiffe}jwks_uri = 'https://spire.example/keys'\n");
    assert!(with_file(&with_keys).is_ok());
}

#[test]
fn a_key_set_in_a_file_must_have_a_usable_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    std::fs::write(&path, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#).unwrap();
    let complaint = complaint_about(&format!("jwks_file = '{}'", path.display()));
    assert!(
        complaint.contains("no key that can verify tokens"),
        "{complaint}"
    );
}

/// The recipes of docs/workloads.md, with files that exist.
#[test]
fn every_recipe_of_the_documentation_is_valid() {
    let page = include_str!("../../../docs/workloads.md");
    let directory = tempfile::tempdir().unwrap();
    let folder = format!("{}/", directory.path().display());
    let authority = rcgen::generate_simple_self_signed(vec!["kubernetes".to_owned()]).unwrap();
    let bundle = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a","use":"jwt-svid",
        "x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
        "y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}]}"#;
    for (name, content) in [
        ("ca.crt", authority.cert.pem().as_str()),
        ("token", "gateways-own-token"),
        ("bundle.json", bundle),
    ] {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    let blocks = page.split("```toml\n").skip(1);
    let blocks: String = blocks.filter_map(|rest| rest.split("```").next()).collect();
    let blocks = blocks
        .replace("/var/run/secrets/kubernetes.io/serviceaccount/", &folder)
        .replace("/run/spire/", &folder);
    let config = with_file(&blocks).unwrap();
    let names = config.issuers.iter().map(|one| one.rules.name.as_str());
    let names: Vec<_> = names.collect();
    assert_eq!(names, ["cluster", "github", "gitlab", "mesh"]);
}

#[test]
fn a_name_with_a_dash_has_one_variable() {
    let name = "CLOAKROOM_ISSUERS__MY-CLUSTER__AUDIENCE";
    let complaint = complaint(&[(name, "x")]);
    assert!(
        complaint.contains("write CLOAKROOM_ISSUERS__MY_CLUSTER__AUDIENCE"),
        "{complaint}"
    );
}

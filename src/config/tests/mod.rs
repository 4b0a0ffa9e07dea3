mod access_keys;
mod places;

use std::io::Write;

use secrecy::ExposeSecret;

use super::*;
use crate::adapters::oauth::ClientAuthentication;
use crate::domain::DeploymentId;

const GOOD: &[(&str, &str)] = &[
    ("CLOAKROOM_OAUTH__ISSUER", "https://as.example"),
    ("CLOAKROOM_OAUTH__CLIENT_ID", "gateway"),
    ("CLOAKROOM_OAUTH__CLIENT_SECRET", "0123456789"),
    ("CLOAKROOM_STORAGE__ENDPOINT", "https://s3.example/"),
];

fn load(file: Option<&str>, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cloakroom.toml");
    let file = file.map(|text| {
        std::fs::write(&path, text).unwrap();
        path.as_path()
    });
    let variables = variables
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::load(file, variables.collect()).map_err(|errors| errors.0)
}

fn with(more: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    load(None, &[GOOD, more].concat())
}

fn complaint(more: &[(&str, &str)]) -> String {
    with(more).unwrap_err().join("\n")
}

#[test]
fn the_required_keys_are_enough() {
    let config = with(&[]).unwrap();
    assert_eq!(config.http.address.to_string(), "127.0.0.1:8080");
    assert_eq!(
        config.oauth.required_scope.as_str(),
        "com.cleverbase.storage"
    );
    assert_eq!(config.storage.session_duration.as_secs(), 3_600);
    assert_eq!(config.storage.told_endpoint(), "https://s3.example");
    assert_eq!(
        config.database.url.borrow().expose_secret(),
        "sqlite://cloakroom.db?mode=rwc"
    );
    assert_eq!(client_secret(&config), "0123456789");
}

#[test]
fn all_mistakes_are_reported_at_once_each_with_its_key() {
    let errors = load(
        None,
        &[
            ("CLOAKROOM_HTTP__ADDRESS", "nowhere"),
            ("CLOAKROOM_STORAGE__FLAVOR", "ceph"),
            ("CLOAKROOM_STORAGE__SESSION_DURATION", "5s"),
            ("CLOAKROOM_STORAGE__EXTRA_ACTIONS", "s3:PutObjectAcl"),
            ("CLOAKROOM_NAMING__PREFIX", "A"),
            ("CLOAKROOM_LIMITS__PER_OWNER", "many"),
            ("CLOAKROOM_DATABASE__URL", "mysql://x"),
            ("CLOAKROOM_HTTP__ADRESS", "typo"),
        ],
    )
    .unwrap_err();
    for key in [
        "http.address:",
        "oauth.issuer:",
        "oauth.client_id:",
        "oauth.client_secret:",
        "storage.endpoint:",
        "storage.role_arn:",
        "storage.session_duration:",
        "storage.extra_actions:",
        "naming.prefix:",
        "limits.per_owner:",
        "database.url:",
        "http.adress: there is no such key",
    ] {
        let lines = errors.iter().filter(|line| line.starts_with(key)).count();
        assert_eq!(lines, 1, "{key} in {errors:#?}");
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = "[http]\naddress = '127.0.0.1:1'\nmax_in_flight = 7\n";
    let config = load(
        Some(file),
        &[GOOD, &[("CLOAKROOM_HTTP__ADDRESS", "127.0.0.1:2")]].concat(),
    );
    let config = config.unwrap();
    assert_eq!(
        (config.http.address.port(), config.http.max_in_flight),
        (2, 7)
    );
}

#[test]
fn connections_are_four_for_each_request_unless_told_otherwise() {
    let bound = |variables: &[(&str, &str)]| {
        let config = load(None, &[GOOD, variables].concat());
        config.map(|config| config.http.max_connections)
    };
    assert_eq!(bound(&[]).unwrap(), 2048);
    let in_flight = ("CLOAKROOM_HTTP__MAX_IN_FLIGHT", "10");
    assert_eq!(bound(&[in_flight]).unwrap(), 40);
    let own = |value| bound(&[in_flight, ("CLOAKROOM_HTTP__MAX_CONNECTIONS", value)]);
    assert_eq!(own("5").unwrap(), 5);
    assert_eq!(
        own("0").unwrap_err(),
        ["http.max_connections: must be at least 1"]
    );
}

#[test]
fn a_mistake_in_the_file_names_the_file() {
    let errors = load(Some("[http]\nadress = 'x'\n"), GOOD).unwrap_err();
    assert!(
        errors[0].contains("http.adress") && errors[0].contains("cloakroom.toml"),
        "{errors:?}"
    );
}

#[test]
fn a_file_that_is_no_toml_or_is_missing_is_an_error() {
    assert!(load(Some("= x"), GOOD).is_err());
    assert!(Config::load(Some(Path::new("/nonexistent.toml")), HashMap::new()).is_err());
}

#[test]
fn a_mistake_in_the_file_does_not_quote_it() {
    let errors = load(Some("[oauth]\nclient_secret = canary-secret\n"), GOOD).unwrap_err();
    assert!(
        errors[0].contains("line 2") && errors[0].contains("cloakroom.toml"),
        "{errors:?}"
    );
    assert!(!errors.join("\n").contains("canary"), "{errors:?}");
}

#[test]
fn a_registry_that_does_not_last_and_a_known_password_are_refused() {
    for url in [
        "sqlite::memory:",
        "sqlite://x?mode=memory",
        "postgres://u:password@127.0.0.1/x",
    ] {
        assert!(
            complaint(&[("CLOAKROOM_DATABASE__URL", url)]).starts_with("database.url:"),
            "{url}"
        );
    }
}

#[test]
fn names_without_two_underscores_are_not_ours() {
    assert!(with(&[("CLOAKROOM_PORT", "tcp://10.0.0.1:80"), ("OTHER__X", "y")]).is_ok());
}

#[test]
fn lists_are_toml_or_comma_separated() {
    let variable = [(
        "CLOAKROOM_STORAGE__EXTRA_ACTIONS",
        "s3:GetBucketLocation, s3:AbortMultipartUpload",
    )];
    assert_eq!(with(&variable).unwrap().storage.extra_actions.len(), 2);
    let file = "[storage]\nextra_actions = ['s3:GetBucketLocation']\n";
    assert_eq!(
        load(Some(file), GOOD).unwrap().storage.extra_actions.len(),
        1
    );
}

#[test]
fn plain_http_needs_loopback_or_leave() {
    let as_key = "CLOAKROOM_OAUTH__ISSUER";
    assert!(complaint(&[(as_key, "http://as.example")]).contains("oauth.allow_http"));
    assert!(with(&[(as_key, "http://127.0.0.1:8081")]).is_ok());
    assert!(
        with(&[
            (as_key, "http://as.example"),
            ("CLOAKROOM_OAUTH__ALLOW_HTTP", "true")
        ])
        .is_ok()
    );
    assert!(
        complaint(&[("CLOAKROOM_STORAGE__ENDPOINT", "http://s3.example")])
            .contains("storage.allow_http")
    );
    assert!(complaint(&[("CLOAKROOM_HTTP__PUBLIC_URL", "http://gw.example")]).contains("https"));
    assert!(complaint(&[("CLOAKROOM_HTTP__ADDRESS", "0.0.0.0:80")]).contains("http.public_url"));
}

#[test]
fn secrets_that_everybody_knows_are_refused_and_never_quoted() {
    let said = complaint(&[("CLOAKROOM_OAUTH__CLIENT_SECRET", "ChangeMe")]);
    assert!(said.contains("oauth.client_secret") && !said.contains("ChangeMe"));
}

#[cfg(unix)]
#[test]
fn a_secret_may_come_from_a_file_that_not_everybody_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "from-the-file").unwrap();
    let path = file.path().to_str().unwrap();
    let variables: Vec<_> = GOOD
        .iter()
        .filter(|(k, _)| !k.ends_with("SECRET"))
        .copied()
        .collect();
    let variables = [
        &variables[..],
        &[("CLOAKROOM_OAUTH__CLIENT_SECRET_FILE", path)],
    ]
    .concat();
    let mut config = load(None, &variables).unwrap();
    assert_eq!(client_secret(&config), "from-the-file");

    let [watched] = config.files.as_mut_slice() else {
        panic!("one file");
    };
    assert_eq!(watched.key(), "oauth.client_secret_file");
    assert_eq!(watched.reread(), None);
    std::fs::write(path, "the-next\n").unwrap();
    assert_eq!(watched.reread(), Some(Reread::Changed));
    std::fs::write(path, "password\n").unwrap();
    assert!(matches!(watched.reread(), Some(Reread::Bad(_))));
    assert_eq!(watched.reread(), None, "the same complaint again");
    assert_eq!(client_secret(&config), "the-next");

    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let errors = load(None, &variables).unwrap_err();
    assert!(
        errors[0].starts_with("oauth.client_secret_file:"),
        "{errors:?}"
    );
}

#[test]
fn certificate_authorities_that_cannot_be_trusted_are_refused() {
    for (name, pem) in [
        ("empty", ""),
        ("cut off", "-----BEGIN CERTIFICATE-----\nMIIB"),
        (
            "no base64",
            "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        ),
        (
            "no certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pem).unwrap();
        let path = file.path().to_str().unwrap();
        for key in ["oauth.ca_file", "storage.ca_file"] {
            let variable = format!("CLOAKROOM_{}", key.to_uppercase().replace('.', "__"));
            let said = complaint(&[(&variable, path)]);
            assert!(
                said.starts_with(&format!("{key}: {path}: holds no")),
                "{name}: {said}"
            );
        }
    }
}

#[test]
fn a_key_without_effect_is_told() {
    let told = |more: &[(&str, &str)]| with(more).unwrap().without_effect;
    assert_eq!(told(&[]), Vec::<String>::new());
    assert_eq!(
        told(&[("CLOAKROOM_OAUTH__ACCEPT_PLAIN_JWT", "true")]),
        ["oauth.accept_plain_jwt has no effect when oauth.validation is introspection"]
    );
    let key_id = ("CLOAKROOM_OAUTH__CLIENT_KEY_ID", "2026");
    assert_eq!(
        told(&[key_id]),
        ["oauth.client_key_id has no effect unless oauth.client_authentication is private_key_jwt"]
    );
    let jwt = [
        ("CLOAKROOM_OAUTH__VALIDATION", "jwt"),
        ("CLOAKROOM_OAUTH__AUDIENCE", "gateway"),
        ("CLOAKROOM_OAUTH__INTROSPECTION_CACHE", "0s"),
    ];
    let told = told(&jwt);
    assert!(
        told.contains(
            &"oauth.introspection_cache has no effect when oauth.validation is jwt".to_owned()
        ),
        "{told:?}"
    );
}

fn client_secret(config: &Config) -> String {
    match &config.oauth.client.as_ref().unwrap().authentication {
        ClientAuthentication::SecretBasic(secret) => secret.borrow().expose_secret().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_jwt_modes_need_an_audience_and_only_asking_needs_a_client() {
    for mode in ["jwt", "jwt-then-introspection"] {
        let said = complaint(&[("CLOAKROOM_OAUTH__VALIDATION", mode)]);
        assert!(said.starts_with("oauth.audience:"), "{said}");
    }
    let alone = [
        ("CLOAKROOM_OAUTH__ISSUER", "https://as.example"),
        ("CLOAKROOM_OAUTH__VALIDATION", "jwt"),
        ("CLOAKROOM_OAUTH__AUDIENCE", "gateway"),
        ("CLOAKROOM_STORAGE__ENDPOINT", "https://s3.example"),
    ];
    assert!(load(None, &alone).unwrap().oauth.client.is_none());
    assert!(complaint(&[("CLOAKROOM_OAUTH__VALIDATION", "none")]).contains("expected one of"));
}

#[test]
fn a_private_key_must_be_one() {
    let method = ("CLOAKROOM_OAUTH__CLIENT_AUTHENTICATION", "private_key_jwt");
    assert!(complaint(&[method]).starts_with("oauth.client_private_key: is required"));
    let key = ("CLOAKROOM_OAUTH__CLIENT_PRIVATE_KEY", "canary, no key");
    let said = complaint(&[method, key]);
    assert!(said.contains("PEM") && !said.contains("canary"), "{said}");
}

#[test]
fn proxies_are_networks_and_origins_are_origins() {
    let proxies = ("CLOAKROOM_HTTP__TRUSTED_PROXIES", "10.0.0.0/8, ::1");
    assert_eq!(with(&[proxies]).unwrap().http.trusted_proxies.len(), 2);
    let said = complaint(&[
        ("CLOAKROOM_HTTP__TRUSTED_PROXIES", "nginx"),
        ("CLOAKROOM_HTTP__CORS_ORIGINS", "https://a.example/, *"),
    ]);
    assert!(said.contains("http.trusted_proxies: 'nginx'"), "{said}");
    assert!(
        said.contains("http.cors_origins: 'https://a.example/'"),
        "{said}"
    );
    assert!(with(&[("CLOAKROOM_HTTP__CORS_ORIGINS", "*")]).is_ok());
}

#[test]
fn a_configuration_can_be_printed_without_its_secrets() {
    let config = with(&[("CLOAKROOM_NAMING__SECRET", "canary-naming-secret")]).unwrap();
    let printed = format!("{config:?}");
    assert!(
        !printed.contains("canary-naming") && !printed.contains("0123456789"),
        "{printed}"
    );
}

#[test]
fn what_clients_paste_needs_no_escaping() {
    for (key, bad) in [
        ("ENDPOINT", "https://s3.example/?x=y"),
        ("PUBLIC_ENDPOINT", "https://s3.example/a%20b"),
        ("PUBLIC_ENDPOINT", "https://s3.example/$(x)"),
        ("STS_ENDPOINT", "https://s3.example/#x"),
        ("REGION", "eu west"),
        ("REGION", "eu'west"),
    ] {
        let key = format!("CLOAKROOM_STORAGE__{key}");
        let said = complaint(&[(&key, bad)]);
        assert!(said.starts_with("storage."), "{bad}: {said}");
    }
    let path = (
        "CLOAKROOM_STORAGE__PUBLIC_ENDPOINT",
        "https://example.com/s3/",
    );
    assert_eq!(
        with(&[path]).unwrap().storage.told_endpoint(),
        "https://example.com/s3"
    );
}

#[test]
fn deployments_to_adopt_from_are_listed_by_their_ids() {
    let (one, two) = ("0123456789abcdef0123456789abcdef", "f".repeat(32));
    let key = "CLOAKROOM_NAMING__ADOPT_FROM";
    let config = with(&[(key, &format!("{one}, {two}"))]).unwrap();
    let ids = config.naming.adopt_from.iter();
    assert_eq!(
        ids.map(DeploymentId::as_str).collect::<Vec<_>>(),
        [one, &two]
    );
    for bad in [
        "production",
        "0123",
        &one.to_uppercase(),
        &format!("{one},x"),
    ] {
        let said = complaint(&[(key, bad)]);
        assert!(
            said.contains("naming.adopt_from") && said.contains("cloakroom-deployment"),
            "{said}"
        );
    }
}

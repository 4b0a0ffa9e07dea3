use super::*;

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
fn an_unknown_key_is_named_with_its_place_and_a_suggestion() {
    let errors = load(Some("[http]\nadress = 'x'\n"), GOOD).unwrap_err();
    let [message] = errors.as_slice() else {
        panic!("{errors:?}");
    };
    assert!(message.starts_with("http.adress: there is no such key; did you mean http.address? ("));
    assert!(message.ends_with("cloakroom.toml:2:1)"), "{message}");
}

#[test]
fn a_missing_file_and_invalid_toml_are_errors() {
    assert!(load(Some("= x"), GOOD).is_err());
    let errors = Config::load(Some(Path::new("/nonexistent.toml")), HashMap::new()).unwrap_err();
    assert_eq!(
        errors.0,
        ["--config or CLOAKROOM_CONFIG: /nonexistent.toml: No such file or directory (os error 2)"]
    );
}

#[test]
fn missing_configuration_error_says_how_to_provide_one() {
    let is_it =
        |message: &String| message.starts_with("no configuration was given: use --config FILE");
    let errors = load(None, &[]).unwrap_err();
    assert_eq!(errors.iter().filter(|message| is_it(message)).count(), 1);
    assert!(
        errors
            .iter()
            .any(|message| message == "oauth.issuer: is required")
    );
    for (file, variables) in [
        (None, [("CLOAKROOM_LOG__LEVEL", "info")].as_slice()),
        (Some(""), &[]),
    ] {
        let errors = load(file, variables).unwrap_err();
        assert!(!errors.iter().any(is_it), "{errors:#?}");
    }
}

#[test]
fn a_syntax_error_does_not_quote_the_file() {
    let errors = load(Some("[oauth]\nclient_secret = canary-secret\n"), GOOD).unwrap_err();
    assert!(errors[0].contains("cloakroom.toml:2:"), "{errors:?}");
    assert!(!errors.join("\n").contains("canary"), "{errors:?}");
}

#[test]
fn foreign_variables_cause_no_warning() {
    let config = with(&[("CLOAKROOM_PORT", "tcp://10.0.0.1:80"), ("OTHER__X", "y")]).unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn an_unknown_variable_causes_a_warning_without_its_value() {
    let config = with(&[("CLOAKROOM_HTTP_ADDRESS", "canary")]).unwrap();
    assert_eq!(
        config.warnings,
        [
            "CLOAKROOM_HTTP_ADDRESS: nothing reads this variable; did you mean CLOAKROOM_HTTP__ADDRESS?"
        ]
    );
}

#[test]
fn an_unknown_variable_is_reported_beside_the_missing_key() {
    let errors = load(None, &[("CLOAKROOM_OAUTH_ISSUER", "https://as.example")]).unwrap_err();
    for line in [
        "oauth.issuer: is required",
        "warning: CLOAKROOM_OAUTH_ISSUER: nothing reads this variable; did you mean CLOAKROOM_OAUTH__ISSUER?",
    ] {
        assert!(errors.iter().any(|message| message == line), "{errors:#?}");
    }
}

#[test]
fn a_misspelt_variable_is_an_error_that_says_what_to_write() {
    let message = "CLOAKROOM_oauth__client_secret: nothing reads this variable; write \
                CLOAKROOM_OAUTH__CLIENT_SECRET";
    let misspelt = ("CLOAKROOM_oauth__client_secret", "canary-secret");
    assert_eq!(with(&[misspelt]).unwrap_err(), [message]);
    let good = GOOD.iter().copied();
    let good = good.filter(|(name, _)| *name != "CLOAKROOM_OAUTH__CLIENT_SECRET");
    let variables: Vec<_> = good.chain([misspelt]).collect();
    assert_eq!(load(None, &variables).unwrap_err()[0], message);
}

#[test]
fn a_key_given_twice_is_an_error_with_both_places() {
    let table = "[http]\nmax_in_flight = 7\n";
    let errors = load(Some(&format!("'http.max_in_flight' = 5\n{table}")), GOOD).unwrap_err();
    let [message] = errors.as_slice() else {
        panic!("{errors:?}");
    };
    let begins = "http.max_in_flight: is given twice: ";
    assert!(message.starts_with(begins), "{message}");
    for place in ["cloakroom.toml:1:1", "cloakroom.toml:3:1"] {
        assert!(message.contains(place), "{message}");
    }
    let dotted = load(Some("http.max_in_flight = 5\n"), GOOD).unwrap();
    assert_eq!(dotted.http.max_in_flight, 5);
}

#[test]
fn a_bad_value_names_its_place_and_an_example() {
    let name = "CLOAKROOM_HTTP__ADDRESS";
    for (bad, example) in [
        ("localhost:8081", "127.0.0.1:8081"),
        ("localhost", "127.0.0.1:8080"),
    ] {
        assert_eq!(
            complaint(&[(name, bad)]),
            format!(
                "http.address: '{bad}' is not an IP address with a port: write {example}, for \
                 instance ({name})"
            )
        );
    }
    for bad in ["s3.example", "127.0.0.1:9000"] {
        assert_eq!(
            complaint(&[("CLOAKROOM_STORAGE__ENDPOINT", bad)]),
            "storage.endpoint: must start with https:// or http://: write \
             https://storage.example.com, for instance (CLOAKROOM_STORAGE__ENDPOINT)"
        );
    }
    let message = complaint(&[("CLOAKROOM_HTTP__MAX_IN_FLIGHT", "many")]);
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.contains("write 512, for instance"), "{message}");
    let message = complaint(&[("CLOAKROOM_STORAGE__SESSION_DURATION", "3600")]);
    assert!(message.contains("10s, 5m or 1h, for instance"), "{message}");
}

#[test]
fn wrong_types_in_the_file_name_their_line_and_column() {
    let file =
        "[http]\nmax_in_flight = [1]\ncors_origins = [{ a = 1 }]\n\n  swagger_ui = 'maybe'\n";
    let errors = load(Some(file), GOOD).unwrap_err();
    for (begins, ends) in [
        (
            "http.max_in_flight: expected a single value (",
            "cloakroom.toml:2:1)",
        ),
        (
            "http.cors_origins: expected a list of words (",
            "cloakroom.toml:3:1)",
        ),
        ("http.swagger_ui: ", "cloakroom.toml:5:3)"),
    ] {
        let found = errors.iter();
        let found = found.filter(|message| message.starts_with(begins) && message.ends_with(ends));
        assert_eq!(found.count(), 1, "{begins} in {errors:#?}");
    }
    assert_eq!(errors.len(), 3, "{errors:#?}");
}

#[test]
fn a_value_that_is_out_of_range_names_its_place_too() {
    let errors = load(Some("[storage]\nsession_duration = '5s'\n"), GOOD).unwrap_err();
    assert!(errors[0].ends_with("cloakroom.toml:2:1)"), "{errors:?}");
    let message = complaint(&[("CLOAKROOM_OAUTH__CLIENT_SECRET", "")]);
    assert_eq!(
        message,
        "oauth.client_secret: must not be empty (CLOAKROOM_OAUTH__CLIENT_SECRET)"
    );
}

#[test]
fn well_known_secrets_are_refused_and_never_quoted() {
    let message = complaint(&[("CLOAKROOM_OAUTH__CLIENT_SECRET", "ChangeMe")]);
    assert!(message.contains("oauth.client_secret") && !message.contains("ChangeMe"));
    let key = ("AWS_ACCESS_KEY_ID", "minioadmin");
    let secret = ("AWS_SECRET_ACCESS_KEY", "minioadmin");
    assert_eq!(
        complaint(&[key, secret]),
        "AWS_SECRET_ACCESS_KEY: is a well-known default; choose another value"
    );
    let configured = [
        key,
        secret,
        ("CLOAKROOM_STORAGE__ACCESS_KEY_ID", "gateway"),
        ("CLOAKROOM_STORAGE__SECRET_ACCESS_KEY", "0123456789"),
    ];
    assert!(with(&configured).is_ok(), "the SDK's own is not read");
}

#[test]
fn an_empty_text_is_no_value_of_a_required_key() {
    const AUDIENCE: &str = "CLOAKROOM_OAUTH__AUDIENCE";
    const ROLE: &str = "CLOAKROOM_STORAGE__ROLE_ARN";
    for (name, given) in [
        (
            "oauth.audience",
            [(AUDIENCE, ""), ("CLOAKROOM_OAUTH__VALIDATION", "jwt")],
        ),
        (
            "oauth.client_id",
            [("CLOAKROOM_OAUTH__CLIENT_ID", ""), (AUDIENCE, "gateway")],
        ),
        (
            "storage.role_arn",
            [(ROLE, ""), ("CLOAKROOM_STORAGE__FLAVOR", "ceph")],
        ),
    ] {
        let complaint = complaint(&given);
        let expected = format!("{name}: must not be empty ({})", given[0].0);
        assert_eq!(complaint.lines().next(), Some(expected.as_str()));
    }
    // Others have no roles.
    assert!(with(&[(ROLE, "")]).is_ok());
}

#[test]
fn debug_output_contains_no_secrets() {
    let config = with(&[("CLOAKROOM_NAMING__SECRET", "canary-naming-secret")]).unwrap();
    let printed = format!("{config:?}");
    assert!(
        !printed.contains("canary-naming") && !printed.contains("0123456789"),
        "{printed}"
    );
}

#[test]
fn a_missing_file_in_the_database_url_is_named() {
    let url =
        "postgres://u:canary-password@db.example/x?sslmode=verify-full&sslrootcert=/nonexistent/ca";
    let message = complaint(&[("CLOAKROOM_DATABASE__URL", url)]);
    assert_eq!(
        message,
        "database.url: sslrootcert: /nonexistent/ca: No such file or directory (os error 2) \
         (CLOAKROOM_DATABASE__URL)"
    );
}

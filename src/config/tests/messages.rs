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
    let [said] = errors.as_slice() else {
        panic!("{errors:?}");
    };
    assert!(said.starts_with("http.adress: there is no such key; did you mean http.address? ("));
    assert!(said.ends_with("cloakroom.toml:2:1)"), "{said}");
}

#[test]
fn a_file_that_is_no_toml_or_is_missing_is_an_error() {
    assert!(load(Some("= x"), GOOD).is_err());
    let errors = Config::load(Some(Path::new("/nonexistent.toml")), HashMap::new()).unwrap_err();
    assert_eq!(
        errors.0,
        ["--config or CLOAKROOM_CONFIG: /nonexistent.toml: No such file or directory (os error 2)"]
    );
}

#[test]
fn no_configuration_at_all_is_told_with_the_keys_that_are_missing() {
    let is_it = |said: &String| said.starts_with("no configuration was given: use --config FILE");
    let errors = load(None, &[]).unwrap_err();
    assert_eq!(errors.iter().filter(|said| is_it(said)).count(), 1);
    assert!(
        errors
            .iter()
            .any(|said| said == "oauth.issuer: is required")
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
fn a_mistake_in_the_file_does_not_quote_it() {
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
fn a_variable_that_nothing_reads_is_a_warning_without_its_value() {
    let config = with(&[("CLOAKROOM_HTTP_ADDRESS", "canary")]).unwrap();
    assert_eq!(
        config.warnings,
        [
            "CLOAKROOM_HTTP_ADDRESS: nothing reads this variable; did you mean CLOAKROOM_HTTP__ADDRESS?"
        ]
    );
}

#[test]
fn a_variable_that_nothing_reads_is_told_with_the_key_that_is_missing() {
    let errors = load(None, &[("CLOAKROOM_OAUTH_ISSUER", "https://as.example")]).unwrap_err();
    for line in [
        "oauth.issuer: is required",
        "warning: CLOAKROOM_OAUTH_ISSUER: nothing reads this variable; did you mean CLOAKROOM_OAUTH__ISSUER?",
    ] {
        assert!(errors.iter().any(|said| said == line), "{errors:#?}");
    }
}

#[test]
fn another_spelling_of_a_variable_is_an_error_that_says_what_to_write() {
    let said = "CLOAKROOM_oauth__client_secret: nothing reads this variable; write \
                CLOAKROOM_OAUTH__CLIENT_SECRET";
    let misspelt = ("CLOAKROOM_oauth__client_secret", "canary-secret");
    assert_eq!(with(&[misspelt]).unwrap_err(), [said]);
    let good = GOOD.iter().copied();
    let good = good.filter(|(name, _)| *name != "CLOAKROOM_OAUTH__CLIENT_SECRET");
    let variables: Vec<_> = good.chain([misspelt]).collect();
    assert_eq!(load(None, &variables).unwrap_err()[0], said);
}

#[test]
fn a_key_that_the_file_gives_twice_is_an_error_with_both_places() {
    let table = "[http]\nmax_in_flight = 7\n";
    let errors = load(Some(&format!("'http.max_in_flight' = 5\n{table}")), GOOD).unwrap_err();
    let [said] = errors.as_slice() else {
        panic!("{errors:?}");
    };
    let begins = "http.max_in_flight: is given twice: ";
    assert!(said.starts_with(begins), "{said}");
    for place in ["cloakroom.toml:1:1", "cloakroom.toml:3:1"] {
        assert!(said.contains(place), "{said}");
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
    let said = complaint(&[("CLOAKROOM_HTTP__MAX_IN_FLIGHT", "many")]);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("write 512, for instance"), "{said}");
    let said = complaint(&[("CLOAKROOM_STORAGE__SESSION_DURATION", "3600")]);
    assert!(said.contains("10s, 5m or 1h, for instance"), "{said}");
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
        let found = found.filter(|said| said.starts_with(begins) && said.ends_with(ends));
        assert_eq!(found.count(), 1, "{begins} in {errors:#?}");
    }
    assert_eq!(errors.len(), 3, "{errors:#?}");
}

#[test]
fn a_value_that_is_out_of_range_names_its_place_too() {
    let errors = load(Some("[storage]\nsession_duration = '5s'\n"), GOOD).unwrap_err();
    assert!(errors[0].ends_with("cloakroom.toml:2:1)"), "{errors:?}");
    let said = complaint(&[("CLOAKROOM_OAUTH__CLIENT_SECRET", "")]);
    assert_eq!(
        said,
        "oauth.client_secret: must not be empty (CLOAKROOM_OAUTH__CLIENT_SECRET)"
    );
}

#[test]
fn secrets_that_everybody_knows_are_refused_and_never_quoted() {
    let said = complaint(&[("CLOAKROOM_OAUTH__CLIENT_SECRET", "ChangeMe")]);
    assert!(said.contains("oauth.client_secret") && !said.contains("ChangeMe"));
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
fn a_file_that_the_database_url_names_is_named_when_it_is_not_there() {
    let url =
        "postgres://u:canary-password@db.example/x?sslmode=verify-full&sslrootcert=/nonexistent/ca";
    let said = complaint(&[("CLOAKROOM_DATABASE__URL", url)]);
    assert_eq!(
        said,
        "database.url: sslrootcert: /nonexistent/ca: No such file or directory (os error 2) \
         (CLOAKROOM_DATABASE__URL)"
    );
}

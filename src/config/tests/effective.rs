//! What `cloakroom config check` prints.

use super::*;

fn values(config: &Config) -> Vec<(&str, Option<&str>)> {
    let settings = config.settings.iter();
    settings
        .map(|setting| (setting.key.as_str(), setting.value.as_deref()))
        .collect()
}

#[test]
fn the_printed_configuration_loads_to_the_same_values() {
    for text in [
        "plain",
        "007",
        "+5",
        "-5",
        "true",
        "it's \"quoted\" \\ here",
        "a\u{1}b\tc\n\u{7f}",
        "\u{200b}\u{202e}\u{10ffff}",
        "st\u{e4}ging \u{8cc7}",
    ] {
        let config = with(&[("CLOAKROOM_STORAGE__EXTERNAL_ID", text)]).unwrap();
        let printed = effective(&config.settings);
        let again = load(Some(&printed), &[]).unwrap();
        assert_eq!(values(&again), values(&config), "{printed}");
        assert!(!printed.contains(['\u{1}', '\u{202e}']), "{printed}");
    }
}

#[test]
fn words_of_a_list_are_those_that_the_environment_can_hold() {
    for list in ["[\"a,b\"]", "[\" a\"]", "[\"\"]"] {
        let file = format!("[naming]\nadopt_from = {list}\n");
        let errors = load(Some(&file), GOOD).unwrap_err().join("\n");
        assert!(
            errors.contains("an entry of a list must not be empty"),
            "{errors}"
        );
    }
}

#[test]
fn a_key_without_a_name_is_refused_as_any_other() {
    for (file, start) in [
        ("\"\" = 1\n", "\"\": there is no such key"),
        ("\": a\" = 1\n", "\": a\": there is no such key"),
        (
            "\"\".http.address = \"[::1]:1\"\n",
            ".http.address: there is no such key",
        ),
    ] {
        let errors = load(Some(file), GOOD).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with(start), "{errors:?}");
    }
}

#[test]
fn a_key_with_a_line_feed_makes_one_line() {
    let errors = load(Some("[http]\n\"a\\nb: c\" = 1\n"), GOOD).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("http.a b: c: there is no such key"),
        "{errors:?}"
    );
}

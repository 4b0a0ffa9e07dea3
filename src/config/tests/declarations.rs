use serde_json::Value;

use super::*;

#[test]
fn every_key_is_in_the_reference_and_in_the_schema() {
    let reference = reference();
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    for section in sections() {
        let table = &schema["properties"][section.name];
        let table = if section.is_named() {
            &table["additionalProperties"]
        } else {
            table
        };
        assert_eq!(table["additionalProperties"], false, "{}", section.name);
        for declared in section.keys {
            let key = declared.key.name;
            let (in_section, name) = key.split_once('.').unwrap();
            assert_eq!(in_section, section.name, "{key}");
            let name = name.trim_start_matches("<name>.");
            let variable = format!("`CLOAKROOM_{}`", key.to_uppercase().replace('.', "__"));
            let heading = format!("\n### {}\n\n{variable}", key.replace('<', "\\<"));
            assert!(reference.contains(&heading), "{key}");
            assert!(table["properties"][name]["type"].is_string(), "{key}");
            let file = format!("{name}_file");
            let has_file = table["properties"][file].is_object();
            assert_eq!(has_file, declared.is_secret, "{key}");
        }
    }
}

/// Otherwise a key would be known with one configuration and unknown with another.
#[test]
fn every_configuration_has_the_same_keys() {
    let declared = sections().into_iter().flat_map(|section| section.keys);
    let declared = declared.map(|declared| declared.key.name);
    let declared: Vec<_> = declared.filter(|key| !key.contains('<')).collect();
    let jwt = [
        ("CLOAKROOM_OAUTH__VALIDATION", "jwt"),
        ("CLOAKROOM_OAUTH__AUDIENCE", "gateway"),
        ("CLOAKROOM_STORAGE__FLAVOR", "aws"),
        ("CLOAKROOM_STORAGE__ROLE_ARN", "arn:aws:iam::1:role/x"),
    ];
    for more in [&[][..], &jwt] {
        let settings = with(more).unwrap().settings;
        let keys: Vec<_> = settings.into_iter().map(|setting| setting.key).collect();
        assert_eq!(keys, declared);
    }
}

#[test]
fn defaults_have_their_type_in_the_schema() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let properties = |section: &str| schema["properties"][section]["properties"].clone();
    assert_eq!(properties("http")["max_in_flight"]["default"], 512);
    assert_eq!(properties("http")["swagger_ui"]["default"], true);
    assert_eq!(properties("storage")["session_duration"]["default"], "1h");
    assert_eq!(
        properties("storage")["flavor"]["enum"],
        serde_json::json!(["aws", "minio", "ceph", "seaweedfs", "generic"])
    );
}

use super::*;

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
        let message = complaint(&[(key, bad)]);
        assert!(
            message.contains("naming.adopt_from") && message.contains("cloakroom-deployment"),
            "{message}"
        );
    }
}

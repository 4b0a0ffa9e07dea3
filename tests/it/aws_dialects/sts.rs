use cloakroom::domain::Access;

use crate::support::spawn_app;

use super::{assert_sts, sts, sts_request};

#[tokio::test(flavor = "multi_thread")]
async fn answer_matches_that_of_aws() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    // Files end with a newline, and SDKs send them as they are.
    for token in [token.clone(), format!("{token}\n"), format!("{token}\r\n")] {
        let answer = sts(&app, Some(&token)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.assert_common_headers();
        assert_eq!(answer.header("content-type"), Some("text/xml"));
        let id = answer.header("x-request-id").unwrap();
        let blank = |text: &str, name: &str| {
            let (open, close) = (format!("<{name}>"), format!("</{name}>"));
            let (before, rest) = text.split_once(&open).unwrap();
            let (value, after) = rest.split_once(&close).unwrap();
            assert!(!value.is_empty() && !value.contains('<'));
            format!("{before}{open}{close}{after}")
        };
        let mut text = answer.text.clone();
        for name in [
            "AccessKeyId",
            "SecretAccessKey",
            "SessionToken",
            "Expiration",
        ] {
            text = blank(&text, name);
        }
        let expected = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
            <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId></AccessKeyId>\
            <SecretAccessKey></SecretAccessKey><SessionToken></SessionToken>\
            <Expiration></Expiration></Credentials><AssumedRoleUser>\
            <Arn>arn:aws:sts::000000000000:assumed-role/cloakroom/ID</Arn>\
            <AssumedRoleId>cloakroom:ID</AssumedRoleId></AssumedRoleUser>\
            </AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>ID</RequestId>\
            </ResponseMetadata></AssumeRoleWithWebIdentityResponse>";
        assert_eq!(text.replace(id, "ID"), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unsupported_parameters_are_refused() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    for more in [
        ("Policy", "{}"),
        (
            "PolicyArns.member.1.arn",
            "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
        ),
        ("ProviderId", "www.amazon.com"),
        ("DurationSeconds", "899"),
        ("DurationSeconds", "3601"),
        ("DurationSeconds", "1h"),
        ("WebIdentityToken", "second"),
        ("Action", "GetCallerIdentity"),
        ("Anything", "else"),
    ] {
        let answer = app.send(sts_request(&app, Some(&token), &[more])).await;
        assert_sts(&answer, (400, "ValidationError"));
    }
    let policy = app
        .send(sts_request(&app, Some(&token), &[("Policy", "{}")]))
        .await;
    assert!(policy.text.contains("Policy and PolicyArns are not taken"));
    let other = app.post("/").form(&[
        ("Action", "GetCallerIdentity"),
        ("WebIdentityToken", &token),
    ]);
    assert_sts(&app.send(other).await, (400, "ValidationError"));
    let both = sts_request(&app, Some(&token), &[]).bearer_auth(&token);
    assert_sts(&app.send(both).await, (400, "ValidationError"));
    let query = app
        .post(&format!("/?WebIdentityToken={token}"))
        .form(&[("Action", "AssumeRoleWithWebIdentity")]);
    assert_sts(&app.send(query).await, (400, "ValidationError"));
    let json = app
        .post("/")
        .header("content-type", "application/json")
        .body("{}");
    assert_sts(&app.send(json).await, (400, "ValidationError"));
    let shorter = sts_request(&app, Some(&token), &[("DurationSeconds", "900")]);
    let shorter = app.send(shorter).await;
    assert_eq!(shorter.status, 200, "{shorter:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_may_ask_for_a_workspace() {
    let app = spawn_app().await;
    app.workspace("acme/lab", &[("alice", Access::Read)]).await;
    let (member, stranger) = (app.token("alice").await, app.token("bob").await);
    let ask = async |token: &str, role: &str| {
        let request = app.post("/").form(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("WebIdentityToken", token),
            ("RoleArn", role),
        ]);
        app.send(request).await
    };
    let lab = "arn:aws:iam::000000000000:role/workspace/acme/lab";
    assert_eq!(ask(&member, lab).await.status, 200);
    let query = "SELECT owner_kind || ' ' || owner_id || ' ' || access FROM audit_trail WHERE dialect = 'sts'";
    let rows = async || {
        let rows = sqlx::query_scalar::<_, String>(query);
        rows.fetch_all(&app.database().await).await.unwrap()
    };
    assert_eq!(rows().await, ["workspace acme/lab read"]);
    let none = "arn:aws:iam::000000000000:role/workspace/acme/none";
    for role in [lab, none] {
        assert_sts(&ask(&stranger, role).await, (403, "AccessDenied"));
    }
    for role in ["", "acme", "acme/", "acme/lab/", "acme/lab*"] {
        let role = format!("arn:aws:iam::000000000000:role/workspace/{role}");
        assert_sts(&ask(&member, &role).await, (400, "ValidationError"));
    }
    for role in [
        "arn:aws:iam::123456789012:role/workspace/acme/lab",
        "arn:aws:iam::000000000000:role/any",
    ] {
        assert_eq!(ask(&member, role).await.status, 200);
        let last = rows().await.pop().unwrap();
        assert_eq!(last, r#"principal ["demo","alice"] read-write"#);
    }
}

use cloakroom::domain::Slug;
use cloakroom::service::{AdministerError, AreaWish};

use crate::support::{ALICES_BUCKET, Process, spawn_app};

use super::{ask, refused};

#[tokio::test(flavor = "multi_thread")]
async fn areas_of_one_bucket_never_overlap_and_nobody_gets_a_persons() {
    let process = Process::dev(&[]).await;
    let token = process.dev_token(&["alice"]).await;
    assert_eq!(ask(&process, "/v1/credentials", &token).await.status(), 200);
    process
        .administer(&[
            "org", "create", "beta", "--bucket", "clients", "--prefix", "b/c/",
        ])
        .await;
    for prefix in ["b/c/", "b/", "b/c/d/"] {
        let said = refused(
            &process,
            &[
                "org", "create", "x", "--bucket", "clients", "--prefix", prefix,
            ],
        )
        .await;
        assert!(
            said.contains("overlaps with the area of organisation beta"),
            "{said}"
        );
        let workspace = [
            "workspace",
            "create",
            "acme/x",
            "--bucket",
            "clients",
            "--prefix",
            prefix,
        ];
        assert!(refused(&process, &workspace).await.contains("overlaps"));
    }
    let beside = [
        "org",
        "create",
        "beta-evil",
        "--bucket",
        "clients",
        "--prefix",
        "b/c-evil/",
    ];
    process.administer(&beside).await;
    let said = refused(&process, &["org", "create", "x", "--bucket", ALICES_BUCKET]).await;
    assert!(said.contains("is or was a principal's own"), "{said}");
    assert!(
        refused(&process, &["org", "create", "beta"])
            .await
            .contains("exists already")
    );
    for bad in [
        &["org", "create", "Beta"][..],
        &["org", "create", "x", "--prefix", "x"],
        &["org", "create", "x", "--prefix", "../"],
        &["org", "create", "x", "--bucket", "B_"],
        &["workspace", "create", "acme"],
        &["api-key", "revoke", "ck_1"],
    ] {
        let output = process.command(bad).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{bad:?}: {output:?}");
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_stood_there_before_is_taken_only_when_it_is_named() {
    let app = spawn_app().await;
    let administer = app.administer().await;
    let root = app.root();
    // printf '%s\0org\0%s\0' "" acme | sha256sum | cut -c1-63
    let own = "6862f51151aa047480136116ad5c1686d7df9ad98a83586787acfbb2b22500a";
    for bucket in [own, "clients"] {
        root.create_bucket().bucket(bucket).send().await.unwrap();
    }
    let acme: Slug = "acme".parse().unwrap();
    let refused = administer
        .create_organisation(acme.clone(), &AreaWish::default())
        .await;
    assert!(
        matches!(refused, Err(AdministerError::BucketConflict(_))),
        "{refused:?}"
    );
    let named = AreaWish {
        bucket: Some("clients".parse().unwrap()),
        prefix: None,
    };
    administer
        .create_organisation(acme.clone(), &named)
        .await
        .unwrap();
    let key = app.key(&acme, true).await;
    assert_eq!(
        app.boto(&key).await.json()["bucket_info"]["name"],
        "clients"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_name_an_organisation_has_taken_is_refused() {
    let app = spawn_app().await;
    let named = AreaWish {
        bucket: Some(ALICES_BUCKET.parse().unwrap()),
        prefix: None,
    };
    let key = app.organisation("acme", &named).await;
    let token = app.token("alice").await;
    app.ask(&token).await.assert_problem(409, "bucket-conflict");
    assert_eq!(app.boto(&key).await.status, 200);
}

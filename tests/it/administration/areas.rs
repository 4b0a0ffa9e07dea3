use cloakroom::adapters::database::SqlDirectory;
use cloakroom::domain::{Area, AuditCause, AuditEvent, Organisation, Owner, RequestId, Slug};
use cloakroom::service::{Added, AdministerError, Administration, NewArea};

use crate::support::{ALICES_BUCKET, PRODUCTION, Process, Setup, spawn_app};

use super::{ask, refused};

#[tokio::test(flavor = "multi_thread")]
async fn areas_never_overlap_and_are_never_in_a_persons_bucket() {
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
    assert!(
        said.contains("is, was or could be a principal's own"),
        "{said}"
    );
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
async fn an_older_bucket_is_used_only_when_it_is_named() {
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
        .create_organisation(acme.clone(), &NewArea::default())
        .await;
    assert!(
        matches!(refused, Err(AdministerError::BucketConflict(_))),
        "{refused:?}"
    );
    let named = NewArea {
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
async fn another_deployments_bucket_is_adopted_only_from_a_named_deployment() {
    let new = NewArea {
        bucket: Some("clients".parse().unwrap()),
        prefix: None,
    };
    let acme: Slug = "acme".parse().unwrap();
    let app = Setup::default().key("naming.adopt", "true").spawn().await;
    app.bucket_of_production("clients").await;
    let administer = app.administer().await;
    let refused = administer.create_organisation(acme.clone(), &new).await;
    assert!(
        matches!(refused, Err(AdministerError::BucketConflict(_))),
        "{refused:?}"
    );
    let tag = app.tag_of_bucket("clients").await;
    assert_eq!(tag.as_deref(), Some(PRODUCTION));
    let heir = Setup::default().key("naming.adopt_from", PRODUCTION);
    let app = heir.spawn_in(app.stop().await).await;
    let administer = app.administer().await;
    administer.create_organisation(acme, &new).await.unwrap();
    let tag = app.tag_of_bucket("clients").await;
    assert_ne!(tag.as_deref(), Some(PRODUCTION));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_bucket_cannot_be_taken_before_the_first_call() {
    let app = spawn_app().await;
    let named = NewArea {
        bucket: Some(ALICES_BUCKET.parse().unwrap()),
        prefix: None,
    };
    let administer = app.administer().await;
    let taken = administer
        .create_organisation("acme".parse().unwrap(), &named)
        .await;
    assert!(
        matches!(taken, Err(AdministerError::PrincipalsBucket(_))),
        "{taken:?}"
    );
    assert_eq!(app.credentials_of("alice").await.bucket, ALICES_BUCKET);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisations_own_bucket_may_be_shared() {
    let app = spawn_app().await;
    let administer = app.administer().await;
    let acme: Slug = "acme".parse().unwrap();
    let made = administer
        .create_organisation(acme, &NewArea::default())
        .await
        .unwrap();
    let shared = NewArea {
        bucket: Some(made.area.bucket.clone()),
        prefix: None,
    };
    let beside = administer.create_workspace("acme/lab".parse().unwrap(), &shared);
    assert_eq!(beside.await.unwrap().area.bucket, made.area.bucket);
}

/// The operator gets an answer from a check before the bucket is created; this check is the one that counts.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_concurrent_overlapping_areas_is_added() {
    let app = spawn_app().await;
    let shared = NewArea {
        bucket: Some("clients".parse().unwrap()),
        prefix: None,
    };
    app.organisation("first", &shared).await;
    let database = cloakroom::server::database(&app.config).await.unwrap();
    let directory = SqlDirectory::new(database);
    for round in 0..5 {
        let add = async |n: usize, prefix: String| {
            let slug: Slug = format!("org-{round}-{n}").parse().unwrap();
            let organisation = Organisation {
                slug: slug.clone(),
                area: Area {
                    bucket: "clients".parse().unwrap(),
                    prefix: prefix.parse().unwrap(),
                },
                is_enabled: true,
                created_at: chrono::DateTime::UNIX_EPOCH,
            };
            let cause = AuditCause {
                time: chrono::DateTime::UNIX_EPOCH,
                request_id: RequestId::from_random([u8::try_from(round * 8 + n).unwrap(); 16]),
                dialect: "cli",
                caller: "operator tester".to_owned(),
            };
            let event = AuditEvent::change(cause, "org create", Owner::Organisation(slug));
            directory.add_organisation(&organisation, &event).await
        };
        let prefixes = ["", "x/", "x/y/", "x/y/z/"].map(|more| format!("r{round}/{more}"));
        let all = prefixes
            .into_iter()
            .enumerate()
            .map(|(n, prefix)| add(n, prefix));
        let all = futures_util::future::join_all(all).await;
        let added = all.iter().filter(|added| matches!(added, Ok(Added::Yes)));
        assert_eq!(added.count(), 1, "{all:?}");
        assert!(all.iter().all(Result::is_ok), "{all:?}");
    }
}

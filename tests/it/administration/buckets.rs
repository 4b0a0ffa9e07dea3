use aws_sdk_s3::types::{Tag, Tagging};
use cloakroom::domain::{BucketOwner, ClientId, Owner, Principal, Subject};
use cloakroom::server::show_buckets;
use cloakroom::service::{AdministerError, KnownBucket, NewArea};
use serde_json::json;

use crate::support::{ALICES_BUCKET, App, Process, Setup, spawn_app};

use super::{ask, json, refused};

fn person(subject: &str) -> Owner {
    Owner::Principal(Principal {
        issuer: None,
        client_id: ClientId::parse("demo").unwrap(),
        subject: Subject::parse(subject).unwrap(),
    })
}

async fn show(app: &App, what: &str) -> Vec<KnownBucket> {
    let show = show_buckets(&app.config).await.unwrap();
    show.show(what).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_repairs_a_bucket_of_an_outdated_replica() {
    let old = spawn_app().await;
    let token = old.token("alice").await;
    assert_eq!(old.ask(&token).await.credentials().bucket, ALICES_BUCKET);
    let new = Setup::default().replica_of(&old);
    let new = new.key("naming.namespace", "new").spawn().await;
    // As a replica that did not compare the formula would have done.
    sqlx::query(
        "INSERT INTO owned_buckets \
         VALUES ('principal', '[\"demo\",\"alice\"]', $1, 'ready', '2026-01-01T00:00:00Z')",
    )
    .bind(ALICES_BUCKET)
    .execute(&old.database().await)
    .await
    .unwrap();
    new.ask(&token).await.assert_problem(409, "bucket-conflict");
    let found = show(&new, "demo/alice").await;
    let [known] = &found[..] else {
        panic!("{found:?}")
    };
    let held = known.reservations.iter().find(|one| one.state.is_some());
    let held = held.unwrap();
    assert_eq!(held.bucket.as_str(), ALICES_BUCKET);
    let administer = new.administer().await;
    administer.release_bucket(held).await.unwrap();
    let bucket = new.ask(&token).await.credentials().bucket;
    assert_ne!(bucket, ALICES_BUCKET);
    let former = NewArea {
        bucket: Some(ALICES_BUCKET.parse().unwrap()),
        prefix: None,
    };
    let other = administer
        .create_organisation("other".parse().unwrap(), &former)
        .await;
    assert!(
        matches!(other, Err(AdministerError::PrincipalsBucket(_))),
        "{other:?}"
    );
    let found = show(&new, ALICES_BUCKET).await;
    let kept = &found[0].reservations[0];
    assert_eq!(
        (kept.state, &kept.bucket_owner),
        (None, &bucket_owner("alice"))
    );
}

fn bucket_owner(subject: &str) -> BucketOwner {
    person(subject).bucket_owner(&ALICES_BUCKET.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_adopts_no_older_bucket() {
    let app = spawn_app().await;
    let made = app.root().create_bucket().bucket(ALICES_BUCKET).send();
    made.await.unwrap();
    let token = app.token("alice").await;
    app.ask(&token).await.assert_problem(409, "bucket-conflict");
    let found = show(&app, ALICES_BUCKET).await;
    let administer = app.administer().await;
    let released = administer.release_bucket(&found[0].reservations[0]).await;
    released.unwrap();
    app.ask(&token).await.assert_problem(409, "bucket-conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_assigned_only_to_its_own_owner() {
    let app = spawn_app().await;
    let formula = &app.config.naming.formula;
    let owners = ["alice", "bob", "dave"];
    let [alices, bobs, daves] = owners.map(|subject| formula.bucket(&person(subject)));
    for bucket in [&alices, &bobs, &daves] {
        let made = app.root().create_bucket().bucket(bucket.as_str()).send();
        made.await.unwrap();
    }
    let token = app.token("alice").await;
    app.ask(&token).await.assert_problem(409, "bucket-conflict");
    let administer = app.administer().await;
    let refused = administer.assign_bucket(&person("bob"), &alices).await;
    assert!(
        matches!(refused, Err(AdministerError::NotTheOwners { .. })),
        "{refused:?}"
    );
    administer
        .assign_bucket(&person("alice"), &alices)
        .await
        .unwrap();
    assert_eq!(app.ask(&token).await.credentials().bucket, alices.as_str());
    let again = administer.assign_bucket(&person("alice"), &alices).await;
    assert!(
        matches!(again, Err(AdministerError::AlreadyAssigned(_))),
        "{again:?}"
    );
    // It belongs to another owner, although the name suggests otherwise.
    sqlx::query("INSERT INTO former_buckets VALUES ('principal', '[\"demo\",\"carol\"]', $1)")
        .bind(bobs.as_str())
        .execute(&app.database().await)
        .await
        .unwrap();
    let anothers = administer.assign_bucket(&person("bob"), &bobs).await;
    assert!(
        matches!(anothers, Err(AdministerError::AnothersBucket { .. })),
        "{anothers:?}"
    );
    let tag = Tag::builder().key("cloakroom-deployment").value("staging");
    let tags = Tagging::builder().tag_set(tag.build().unwrap()).build();
    let tagged = app.root().put_bucket_tagging().bucket(daves.as_str());
    tagged.tagging(tags.unwrap()).send().await.unwrap();
    let staging = administer.assign_bucket(&person("dave"), &daves).await;
    assert!(
        matches!(staging, Err(AdministerError::BucketConflict(_))),
        "{staging:?}"
    );
    assert!(show(&app, daves.as_str()).await[0].reservations.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_bucket_is_assigned_once_the_formula_has_changed() {
    let old = spawn_app().await;
    let made = old.root().create_bucket().bucket(ALICES_BUCKET).send();
    made.await.unwrap();
    let administer = old.administer().await;
    let new = Setup::default().replica_of(&old);
    let new = new.key("naming.namespace", "new").spawn().await;
    let bucket = ALICES_BUCKET.parse().unwrap();
    let assigned = administer.assign_bucket(&person("alice"), &bucket).await;
    assert!(
        matches!(assigned, Err(AdministerError::Registry(_))),
        "{assigned:?}"
    );
    assert!(show(&new, ALICES_BUCKET).await[0].reservations.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_show_names_the_owner_and_changes_need_a_yes() {
    let process = Process::dev(&[]).await;
    let token = process.dev_token(&["alice"]).await;
    assert_eq!(ask(&process, "/v1/credentials", &token).await.status(), 200);
    let pseudonym = &ALICES_BUCKET[..31];
    for what in [ALICES_BUCKET, pseudonym, "demo/alice", "alice"] {
        let shown = json(&process, &["bucket", "show", what]).await;
        assert_eq!(shown.as_array().unwrap().len(), 1, "{what}: {shown}");
        assert_eq!(shown[0]["bucket"], ALICES_BUCKET);
        let reservation = &shown[0]["reservations"][0];
        assert_eq!(reservation["owner"], "principal [\"demo\",\"alice\"]");
        assert_eq!(reservation["pseudonym"], pseudonym);
        assert_eq!(reservation["state"], "ready");
        assert_eq!(reservation["since"].as_str().unwrap().len(), 20);
        assert_eq!(shown[0]["store"]["bucket"], "in our account");
        assert_eq!(shown[0]["store"]["deployment"].as_str().unwrap().len(), 32);
    }
    let shown = json(&process, &["bucket", "show", "acme"]).await;
    assert_eq!(shown[0]["areas"][0]["owner"], "organisation acme");
    let release = ["bucket", "release", ALICES_BUCKET];
    let said = refused(&process, &release).await;
    assert!(said.contains("confirm with --yes"), "{said}");
    let audit = ["audit", "--bucket", ALICES_BUCKET];
    assert_eq!(json(&process, &audit).await.as_array().unwrap().len(), 1);
    let released = json(&process, &[&release[..], &["--yes"]].concat()).await;
    assert_eq!(released[0]["reservations"][0]["state"], "set aside");
    let rows = json(&process, &audit).await;
    assert_eq!(rows[1]["action"], "bucket release");
    assert_eq!(rows[1]["caller"], "operator tester");
    let by_pseudonym = json(&process, &["audit", "--owner", pseudonym]).await;
    assert_eq!(by_pseudonym, rows);
    // By the formula the person gets the same one again.
    assert_eq!(ask(&process, "/v1/credentials", &token).await.status(), 200);
    let said = refused(&process, &["bucket", "release", "nobodys", "--yes"]).await;
    assert!(
        said.contains("the bucket nobodys is not reserved"),
        "{said}"
    );
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_finds_pseudonyms_and_session_names() {
    let process = Process::dev(&[]).await;
    let token = process.dev_token(&["alice"]).await;
    let research = "/api/v1/org/acme/ws/research/storage/credentials";
    for path in ["/v1/credentials", research] {
        assert_eq!(ask(&process, path, &token).await.status(), 200);
    }
    let shown = json(&process, &["bucket", "show", "acme/research"]).await;
    let areas = shown[0]["areas"].as_array().unwrap();
    let area = areas
        .iter()
        .find(|area| area["owner"] == "workspace acme/research");
    let workspaces = area.unwrap()["pseudonym"].as_str().unwrap();
    for (pseudonym, owner) in [
        (&ALICES_BUCKET[..31], "principal [\"demo\",\"alice\"]"),
        (workspaces, "workspace acme/research"),
    ] {
        let rows = json(&process, &["audit", "--owner", pseudonym]).await;
        let rows = rows.as_array().unwrap();
        assert!(rows.iter().all(|row| row["owner"] == owner), "{rows:?}");
        let vended = rows.iter().find(|row| row["action"] == "vend").unwrap();
        let request = vended["request_id"].as_str().unwrap().replace('-', "");
        let session = format!("{pseudonym}-{request}");
        let found = json(&process, &["audit", "--owner", &session]).await;
        assert_eq!(found, json!([vended]));
    }
    let unknown = "0".repeat(31);
    assert_eq!(
        json(&process, &["audit", "--owner", &unknown]).await,
        json!([])
    );
    process.stop().await;
}

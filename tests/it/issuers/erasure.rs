//! Erasing a workload, and not the person who is called the same.

use std::time::Duration;

use cloakroom::domain::{Access, CallerId, Member, Owner, Principal, Subject, WorkspaceName};
use cloakroom::server::erase_owner;
use cloakroom::service::{EraseOptions, Governance, Place, Progress, SessionsOf, Tally};
use serde_json::json;

use super::world::World;
use crate::support::Credentials;

struct Silence;

impl Progress for Silence {
    fn deleted(&self, _: &Place, _: &Tally) {}

    fn step(&self, _: &str) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_a_workload_leaves_a_person_with_its_subject_alone_and_the_other_way_round() {
    let world = World::start().await;
    let app = &world.app;
    let workloads = world.cluster.token_but(|c| c["sub"] = json!("alice"));
    let alices = world.oauth.token();
    app.workspace("acme/lab", &[("alice", Access::Read)]).await;
    let lab: WorkspaceName = "acme/lab".parse().unwrap();
    let of_cluster = Member {
        issuer: Some("cluster".parse().unwrap()),
        subject: Subject::parse("alice").unwrap(),
        client_id: None,
        access: Access::Read,
    };
    let administer = app.administer().await;
    administer.set_member(&lab, &of_cluster).await.unwrap();
    for token in [&workloads, &alices] {
        assert_eq!(app.ask(token).await.status, 200);
    }
    let erase = async |owner: &str| {
        let erase = erase_owner(&app.config, "tester".parse().unwrap()).await;
        let erase = erase.unwrap();
        let owner = Owner::Principal(owner.parse().unwrap());
        let plan = erase.plan(&owner).await.unwrap();
        let options = EraseOptions {
            governance: Governance::Respect,
            keep_bucket: false,
            wait: false,
        };
        erase.erase(&plan, options, &Silence).await.unwrap();
    };
    let members = async || {
        let members = administer.administration().members(&lab).await.unwrap();
        members
            .into_iter()
            .map(|member| member.issuer)
            .collect::<Vec<_>>()
    };
    let naming = async |text: &str| {
        let rows = "SELECT count(*) FROM audit_trail WHERE instr(caller || owner_id || detail, $1)";
        let count: i64 = sqlx::query_scalar(rows)
            .bind(text)
            .fetch_one(&app.database().await)
            .await
            .unwrap();
        count
    };
    assert!(naming(r#"["cluster",null,"alice"]"#).await > 0);
    erase(r#"["cluster","cluster","alice"]"#).await;
    app.ask(&workloads)
        .await
        .assert_problem(403, "storage-not-entitled");
    assert_eq!(app.ask(&alices).await.status, 200);
    assert_eq!(members().await, [None]);
    assert_eq!(naming(r#"["cluster","#).await, 0);
    assert!(naming(r#"[null,"alice"]"#).await > 0);
    administer.set_member(&lab, &of_cluster).await.unwrap();
    erase(r#"["demo","alice"]"#).await;
    assert_eq!(members().await, vec![of_cluster.issuer.clone()]);
    assert_eq!(naming(r#"[null,"alice"]"#).await, 0);
    assert!(naming(r#"["cluster",null,"alice"]"#).await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_a_workload_are_revoked_and_its_data_is_exported() {
    let world = World::start().await;
    let app = &world.app;
    let token = world.cluster.token_but(|c| c["sub"] = json!("alice"));
    let before = app.ask(&token).await.credentials();
    let persons = app.ask(&world.oauth.token()).await.credentials();
    let workload: Principal = r#"["cluster","cluster","alice"]"#.parse().unwrap();
    let administer = app.administer().await;
    let of = SessionsOf::Caller(CallerId::Principal(workload.clone()));
    let report = administer.revoke(&of, Duration::from_secs(5)).await;
    assert_eq!(report.unwrap().sessions, 1);
    let list = async |credentials: &Credentials| {
        let listed = credentials.s3().list_objects_v2();
        listed.bucket(&credentials.bucket).send().await.is_ok()
    };
    assert!(!list(&before).await);
    assert!(list(&persons).await);
    assert!(list(&app.ask(&token).await.credentials()).await);
    let exported = administer
        .export(&Owner::Principal(workload), None, Duration::from_hours(1))
        .await;
    assert_eq!(exported.unwrap().grant.bucket.as_str(), before.bucket);
}

//! Erasing a workload, and not the person who is called the same.

use cloakroom::domain::{Access, Member, Owner, Subject, WorkspaceName};
use cloakroom::server::erase_owner;
use cloakroom::service::{EraseOptions, Governance, Place, Progress, Tally};
use serde_json::json;

use super::world::World;

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

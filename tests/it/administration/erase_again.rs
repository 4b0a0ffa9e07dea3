//! Runs of an erasure that go on.

use cloakroom::domain::{Block, BlockTarget, Owner};
use cloakroom::service::{EraseOptions, Freezer as _, Governance, NewArea};

use crate::support::spawn_app;

use super::erase::{ERASE, erase};

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_own_block_does_not_stand_for_the_freeze_of_an_erasure() {
    let app = spawn_app().await;
    app.organisation("acme", &NewArea::default()).await;
    let owner = Owner::Organisation("acme".parse().unwrap());
    let administer = app.administer().await;
    assert!(!administer.was_frozen(&owner).await.unwrap());
    administer.freeze(&owner).await.unwrap();
    assert!(administer.was_frozen(&owner).await.unwrap());
    // Sessions may be opened here, and then the owner is kept out again.
    let target = BlockTarget::Owner(owner.clone());
    administer.unblock(&target).await.unwrap();
    let block = Block {
        target,
        reason: "left the company".parse().unwrap(),
        until: None,
    };
    administer.block(&block).await.unwrap();
    assert!(!administer.was_frozen(&owner).await.unwrap());
    // The next run freezes once more, and the one after that finds it so.
    administer.freeze(&owner).await.unwrap();
    assert!(administer.was_frozen(&owner).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_run_of_an_erasure_is_in_the_audit_trail() {
    let app = spawn_app().await;
    app.organisation("acme", &NewArea::default()).await;
    let owner = Owner::Organisation("acme".parse().unwrap());
    erase(&app, &owner, ERASE).await;
    let database = app.database().await;
    // As if the run had been cut off.
    let reopen = sqlx::query("UPDATE erasures SET finished_at = ''");
    reopen.execute(&database).await.unwrap();
    let bypassing = EraseOptions {
        governance: Governance::Bypass,
        ..ERASE
    };
    erase(&app, &owner, bypassing).await;
    let details = "SELECT detail FROM audit_trail WHERE action = 'erase' ORDER BY id";
    let details: Vec<String> = sqlx::query_scalar(details)
        .fetch_all(&database)
        .await
        .unwrap();
    let bypass = "begun, bypassing governance locks";
    assert_eq!(details, ["begun", "finished", bypass, "finished"]);
}

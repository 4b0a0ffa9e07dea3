//! Two gateways on one registry: what an operator ends, both refuse at the next call.

use cloakroom::domain::Access;
use cloakroom::service::AreaWish;

use crate::support::{Setup, spawn_app};

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_ends_is_refused_at_the_next_call_everywhere() {
    let one = spawn_app().await;
    let two = Setup::default().replica_of(&one).spawn().await;
    let key = one.organisation("acme", &AreaWish::default()).await;
    one.workspace("acme/research", &[("alice", Access::ReadWrite)])
        .await;
    let token = one.token("alice").await;
    let statuses = async || {
        let mut statuses = Vec::new();
        for app in [&one, &two] {
            statuses.push(app.boto(&key).await.status);
            statuses.push(app.ask_workspace("acme/research", &token).await.status);
        }
        statuses
    };
    assert_eq!(statuses().await, [200, 200, 200, 200]);
    let administer = one.administer().await;
    let (acme, research) = ("acme".parse().unwrap(), "acme/research".parse().unwrap());
    administer.set_enabled(&acme, false).await.unwrap();
    assert_eq!(statuses().await, [403, 403, 403, 403]);
    administer.set_enabled(&acme, true).await.unwrap();
    assert_eq!(statuses().await, [200, 200, 200, 200]);
    administer.revoke_key(key.id()).await.unwrap();
    assert_eq!(statuses().await, [401, 200, 401, 200]);
    let alice = cloakroom::domain::Subject::parse("alice").unwrap();
    let removed = administer.remove_member(&research, &alice, None).await;
    removed.unwrap();
    assert_eq!(statuses().await, [401, 404, 401, 404]);
}

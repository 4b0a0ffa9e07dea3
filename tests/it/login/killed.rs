//! Commands that are killed at each step, and repeated.

use std::time::Duration;

use wiremock::ResponseTemplate;

use super::fake::{asked_at, back_from, granting};
use super::{User, browse, gateway, http};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_killed_while_the_person_signs_in_can_be_repeated() {
    let app = gateway().await;
    let user = User::at(&app);
    for device in [false, true] {
        let way = if device { "--device" } else { "--browser" };
        let mut waiting = user.login(&[way]);
        waiting.link().await;
        waiting.kill().await;
        assert_eq!(user.file(), None);
        let ran = user.run(&["credentials"]).await;
        assert_eq!(ran.code, Some(77), "{ran:?}");
    }
    let mut waiting = user.login(&["--browser"]);
    browse(&waiting.link().await, "alice").await;
    assert_eq!(waiting.end().await.code, Some(0));
    // A sign-in that is given up leaves the one before as it is.
    let mut again = user.login(&["--browser"]);
    again.link().await;
    again.kill().await;
    assert_eq!(user.run(&["credentials"]).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_killed_while_it_gets_the_tokens_leaves_nothing() {
    let late = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
    let server = granting(late).await;
    let user = User::of(&server);
    for round in 1..=2 {
        let mut waiting = user.login(&["--browser"]);
        let link = waiting.link().await;
        let back = back_from(&link);
        http().get(back).send().await.unwrap();
        while asked_at(&server, "/token").await.len() != round {
            tokio::task::yield_now().await;
        }
        waiting.kill().await;
        assert_eq!(user.file(), None);
    }
}

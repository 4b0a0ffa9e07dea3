//! Users may do what their policies allow, and nothing else.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use serde_json::json;

use super::{
    World, allow, answer, arn, buckets, denied, document, get, list, outcome, put, refused,
};

/// Reading and listing below a prefix of one bucket, everything in another.
fn two_buckets() -> String {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn("first"),
         "Condition": {"StringLike": {"s3:prefix": ["open/*", "wide"]}}},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": arn("first/open/*")},
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [arn("second")]},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
         "Resource": arn("second/*")},
    ]})
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bucket_has_its_own_limits() {
    let world = World::start().await;
    let all = ["first", "second", "third"];
    world.fill(&all, &["open/a", "secret/a"]).await;
    let user = world.s3(&world.user("acme", &[two_buckets()]).await);
    assert_eq!(list(&user, "first", "open/").await.unwrap(), ["open/a"]);
    assert_eq!(get(&user, "first", "open/a").await, Ok(()));
    assert_eq!(put(&user, "first", "open/b").await, denied());
    assert_eq!(get(&user, "first", "secret/a").await, denied());
    for prefix in ["", "o", "open", "secret/", "x/open/", "wider"] {
        let listed = list(&user, "first", prefix).await.map(drop);
        assert_eq!(listed, denied(), "{prefix:?}");
    }
    let all = user.list_objects().bucket("first").send().await;
    assert_eq!(outcome(all), denied());
    assert_eq!(list(&user, "second", "").await.unwrap().len(), 2);
    assert_eq!(put(&user, "second", "b").await, Ok(()));
    assert_eq!(get(&user, "third", "open/a").await, denied());
    assert_eq!(list(&user, "third", "open/").await.map(drop), denied());
    let copy = |from: &str| {
        let copy = user.copy_object().bucket("second").key("copy");
        copy.copy_source(from).send()
    };
    assert_eq!(outcome(copy("first/open/a").await), Ok(()));
    assert_eq!(outcome(copy("first/secret/a").await), denied());
    assert_eq!(outcome(copy("third/open/a").await), denied());
}

#[tokio::test(flavor = "multi_thread")]
async fn wildcards_in_a_request_are_literal() {
    let world = World::start().await;
    let keys = ["open/a", "secret/a"];
    world.fill(&["first", "second"], &keys).await;
    let user = world.s3(&world.user("acme", &[two_buckets()]).await);
    for key in ["*", "?", "open*", "?pen/a", "*/a", "secret/?", "secret/*"] {
        assert_eq!(get(&user, "first", key).await, denied(), "{key}");
    }
    for prefix in ["*", "open*", "?pen/", "w*", "wid?", "sec*/", "*/*"] {
        let listed = list(&user, "first", prefix).await.map(drop);
        assert_eq!(listed, denied(), "{prefix}");
    }
    // These are allowed, and the names are literal.
    for prefix in ["open/*", "open/?"] {
        let listed = list(&user, "first", prefix).await;
        assert_eq!(listed, Ok(Vec::new()), "{prefix}");
    }
    for key in ["open/*", "open/*x", "open/?"] {
        let got = get(&user, "first", key).await;
        assert_eq!(got, refused("404 NoSuchKey"), "{key}");
    }
    put(&user, "second", "secret/*").await.unwrap();
    let other = get(&user, "second", "secret/?").await;
    assert_eq!(other, refused("404 NoSuchKey"));
    let star = ObjectIdentifier::builder().key("secret/*").build().unwrap();
    let delete = Delete::builder().objects(star).build().unwrap();
    let delete = user.delete_objects().bucket("second").delete(delete);
    delete.send().await.unwrap();
    assert_eq!(get(&user, "second", "secret/a").await, Ok(()));
    for bucket in ["*", "firs?", "sec*"] {
        assert!(get(&user, bucket, "open/a").await.is_err(), "{bucket}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wildcards_in_a_request_do_not_evade_a_denial() {
    let world = World::start().await;
    let keys = ["secret/*", "secret/**", "secret/*x", "secret/?"];
    world.fill(&["first"], &keys).await;
    let everything = allow(&["s3:*"], &["first", "first/*"]);
    let forbid = document("Deny", &["s3:GetObject"], &["first/secret/*"]);
    let user = world.s3(&world.user("acme", &[everything, forbid]).await);
    for key in keys {
        assert_eq!(put(&user, "first", key).await, Ok(()), "{key}");
        assert_eq!(get(&user, "first", key).await, denied(), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pattern_matches_only_buckets_with_its_start() {
    let world = World::start().await;
    let reached = ["reports-a", "reports-b"];
    let others = [
        "reports",
        "report",
        "reportsx",
        "my-reports-a",
        "mreports-a",
    ];
    world.fill(&reached, &["k"]).await;
    world.fill(&others, &["k", "reports-a/k"]).await;
    let policy = allow(&["s3:*"], &["reports-*"]);
    let user = world.s3(&world.user("acme", &[policy]).await);
    for bucket in reached {
        assert_eq!(list(&user, bucket, "").await.unwrap(), ["k"]);
        assert_eq!(get(&user, bucket, "k").await, Ok(()));
        assert_eq!(put(&user, bucket, "new").await, Ok(()));
    }
    for bucket in others {
        assert_eq!(list(&user, bucket, "").await.map(drop), denied());
        assert_eq!(get(&user, bucket, "reports-a/k").await, denied());
        assert_eq!(put(&user, bucket, "reports-a/k").await, denied());
        let delete = user.delete_bucket().bucket(bucket).send().await;
        assert_eq!(outcome(delete), denied());
    }
    let create = |bucket| user.create_bucket().bucket(bucket).send();
    assert_eq!(outcome(create("reports-c").await), Ok(()));
    assert_eq!(outcome(create("new-reports-c").await), denied());
    assert_eq!(buckets(&user).await.map(drop), denied());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_policy_nothing_is_allowed() {
    let world = World::start().await;
    world.fill(&["mine"], &["k"]).await;
    let user = world.s3(&world.user("acme", &[]).await);
    assert_eq!(get(&user, "mine", "k").await, denied());
    assert_eq!(put(&user, "mine", "x").await, denied());
    assert_eq!(list(&user, "mine", "").await.map(drop), denied());
    assert_eq!(buckets(&user).await.map(drop), denied());
    let create = user.create_bucket().bucket("new").send().await;
    assert_eq!(outcome(create), denied());
    let location = user.get_bucket_location().bucket("mine").send().await;
    assert_eq!(outcome(location), denied());
}

#[tokio::test(flavor = "multi_thread")]
async fn right_to_list_buckets_shows_all_buckets() {
    let world = World::start().await;
    world.fill(&["first", "second"], &["k"]).await;
    let policy = allow(&["s3:ListAllMyBuckets"], &["*"]);
    let user = world.s3(&world.user("acme", &[policy]).await);
    assert_eq!(buckets(&user).await.unwrap(), ["first", "second"]);
    assert_eq!(list(&user, "first", "").await.map(drop), denied());
    assert_eq!(get(&user, "first", "k").await, denied());
}

#[tokio::test(flavor = "multi_thread")]
async fn any_policy_may_allow_and_any_may_deny() {
    let world = World::start().await;
    world.fill(&["first", "second"], &["a", "secret/a"]).await;
    let first = allow(&["s3:GetObject"], &["first/*"]);
    let second = allow(&["s3:GetObject"], &["second/*"]);
    let forbid = document("Deny", &["s3:*"], &["*/secret/*"]);
    for order in [[&first, &second, &forbid], [&forbid, &second, &first]] {
        let name = format!("u{}", usize::from(order[0] == &first));
        let key = world.user(&name, &order.map(Clone::clone)).await;
        let user = world.s3(&key);
        for bucket in ["first", "second"] {
            assert_eq!(get(&user, bucket, "a").await, Ok(()));
            assert_eq!(get(&user, bucket, "secret/a").await, denied());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_change_takes_effect_at_once() {
    let world = World::start().await;
    world.fill(&["mine"], &["k"]).await;
    let key = world.user("acme", &[]).await;
    let user = world.s3(&key);
    let read = allow(&["s3:GetObject"], &["mine/*"]);
    world.put_policy("acme", "p", &read).await;
    assert_eq!(get(&user, "mine", "k").await, Ok(()));
    let forbid = document("Deny", &["s3:GetObject"], &["mine/k"]);
    world.put_policy("acme", "no", &forbid).await;
    assert_eq!(get(&user, "mine", "k").await, denied());
    for name in ["no", "p"] {
        let before = get(&user, "mine", "k").await;
        let delete = world.iam().delete_user_policy().user_name("acme");
        delete.policy_name(name).send().await.unwrap();
        assert_ne!(get(&user, "mine", "k").await, before, "{name}");
    }
}

/// `?prefix=` belongs to listings: on other operations it satisfies no condition.
#[tokio::test(flavor = "multi_thread")]
async fn prefix_parameter_does_not_open_objects() {
    let world = World::start().await;
    world.fill(&["mine"], &["secret"]).await;
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": [arn("mine"), arn("mine/*")],
         "Condition": {"StringLike": {"s3:prefix": "open/*"}}},
    ]});
    let user = world.s3(&world.user("acme", &[policy.to_string()]).await);
    assert!(list(&user, "mine", "open/").await.unwrap().is_empty());
    let got = user.get_object().bucket("mine").key("secret").customize();
    let got = got.mutate_request(|request| {
        let uri = format!("{}&prefix=open/", request.uri());
        request.set_uri(uri).unwrap();
    });
    let got = answer(got.send().await).map(drop);
    assert_eq!(got, denied());
}

//! The calls that create, read and delete users, policies and access keys.

use aws_sdk_iam::types::{StatusType, Tag};

use super::{World, allow, answer, outcome, refused};

#[tokio::test(flavor = "multi_thread")]
async fn user_is_created_found_and_deleted() {
    let world = World::start().await;
    let iam = world.iam();
    let tag = Tag::builder().key("owner").value("<a&b>").build().unwrap();
    let made = iam.create_user().user_name("acme").path("/cloakroom/");
    let made = made.tags(tag.clone()).send().await.unwrap().user.unwrap();
    assert_eq!((made.path(), made.user_name()), ("/cloakroom/", "acme"));
    assert!(made.user_id().starts_with("AIDA"), "{}", made.user_id());
    let arn = made.arn();
    assert!(arn.ends_with(":user/cloakroom/acme"), "{arn}");
    let again = iam.create_user().user_name("ACME").send().await;
    assert_eq!(outcome(again), refused("409 EntityAlreadyExists"));
    let found = iam.get_user().user_name("acme").send().await.unwrap().user;
    let found = found.unwrap();
    assert_eq!(found.tags(), [tag]);
    assert_eq!(found.create_date(), made.create_date());
    iam.delete_user().user_name("acme").send().await.unwrap();
    let gone = refused("404 NoSuchEntity");
    let get = iam.get_user().user_name("acme").send().await;
    assert_eq!(outcome(get), gone);
    let delete = iam.delete_user().user_name("acme").send().await;
    assert_eq!(outcome(delete), gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_listed_by_path_page_by_page() {
    let world = World::start().await;
    let iam = world.iam();
    for (name, path) in [("c", "/a/"), ("a", "/a/"), ("b", "/a/b/"), ("d", "/ab/")] {
        let made = iam.create_user().user_name(name).path(path).send().await;
        made.unwrap();
    }
    for (prefix, expected) in [("/a/", "abc"), ("/", "abcd"), ("/x/", "")] {
        let pages = iam.list_users().path_prefix(prefix).max_items(1);
        let mut pages = pages.into_paginator().items().send();
        let mut names = String::new();
        while let Some(user) = pages.next().await {
            names.push_str(user.unwrap().user_name());
        }
        assert_eq!(names, expected, "{prefix}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn user_with_access_keys_or_policies_cannot_be_deleted() {
    let world = World::start().await;
    let iam = world.iam();
    let key = world.user("acme", &[allow(&["s3:*"], &["mine"])]).await;
    let conflict = refused("409 DeleteConflict");
    let delete = || iam.delete_user().user_name("acme").send();
    assert_eq!(outcome(delete().await), conflict);
    let removed = iam.delete_access_key().user_name("acme");
    removed.access_key_id(&key.id).send().await.unwrap();
    assert_eq!(outcome(delete().await), conflict);
    let removed = iam.delete_user_policy().user_name("acme");
    removed.policy_name("p0").send().await.unwrap();
    assert_eq!(outcome(delete().await), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_is_returned_as_it_was_written() {
    let world = World::start().await;
    let iam = world.iam();
    let policy = allow(&["s3:GetObject"], &["mine/a+b %41 \u{e4}/*"]);
    let document = format!(" {policy}\n");
    world.user("acme", &[allow(&["s3:*"], &["mine"])]).await;
    world.put_policy("acme", "p0", &document).await;
    world.put_policy("acme", "p1", &document).await;
    let get = || {
        let get = iam.get_user_policy().user_name("acme");
        get.policy_name("p0").send()
    };
    let got = get().await.unwrap();
    let read = percent_encoding::percent_decode_str(got.policy_document());
    assert_eq!(read.decode_utf8().unwrap(), document);
    let list = || iam.list_user_policies().user_name("acme").send();
    assert_eq!(list().await.unwrap().policy_names(), ["p0", "p1"]);
    let delete = || {
        let delete = iam.delete_user_policy().user_name("acme");
        delete.policy_name("p0").send()
    };
    delete().await.unwrap();
    assert_eq!(list().await.unwrap().policy_names(), ["p1"]);
    let gone = refused("404 NoSuchEntity");
    assert_eq!(outcome(get().await), gone);
    assert_eq!(outcome(delete().await), gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_policy_is_refused() {
    let world = World::start().await;
    world.user("acme", &[]).await;
    let put = |user: &str, document: String| {
        let put = world.iam().put_user_policy().user_name(user);
        let put = put.policy_name("p").policy_document(document);
        async { outcome(put.send().await) }
    };
    let good = allow(&["s3:GetObject"], &["mine/*"]);
    let whole = r#""arn:aws:s3:::mine/*""#;
    for bad in [
        String::new(),
        "{}".to_owned(),
        good.replace("Allow", "Maybe"),
        good.replace("Resource", "Resources"),
        good.replace("2012-10-17", "2026-01-01"),
        good.replace("arn:aws:s3:::", ""),
        good.replace("mine", "${aws:username}"),
        good.replace(whole, &format!(r#"{whole}],"Principal":["*""#)),
        good.replace(r#""Effect":"Allow""#, r#""Effect":"Deny","Effect":"Allow""#),
    ] {
        let refused = refused("400 MalformedPolicyDocument");
        assert_eq!(put("acme", bad.clone()).await, refused, "{bad}");
    }
    let missing = put("missing", good.clone()).await;
    assert_eq!(missing, refused("404 NoSuchEntity"));
    let long = good.replace("mine", &"m".repeat(2_048));
    assert_eq!(put("acme", long).await, refused("409 LimitExceeded"));
    assert_eq!(put("acme", good).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_is_shown_once_and_a_user_has_at_most_two_access_keys() {
    let world = World::start().await;
    let iam = world.iam();
    let first = world.user("acme", &[]).await;
    let second = world.access_key("acme").await;
    assert!(first.id.starts_with("AKIA") && first.id.len() == 20);
    assert_eq!(first.secret.len(), 40);
    assert!(first.id != second.id && first.secret != second.secret);
    let third = iam.create_access_key().user_name("acme").send().await;
    assert_eq!(outcome(third), refused("409 LimitExceeded"));
    let update = iam.update_access_key().user_name("acme");
    let update = update
        .access_key_id(&second.id)
        .status(StatusType::Inactive);
    update.send().await.unwrap();
    let listed = iam.list_access_keys().user_name("acme").send().await;
    let listed = listed.unwrap();
    assert!(!format!("{listed:?}").contains(&first.secret));
    let listed = listed.access_key_metadata;
    let keys = listed.iter().map(|key| {
        assert!(key.create_date().is_some() && key.user_name() == Some("acme"));
        (key.access_key_id().unwrap(), key.status().unwrap())
    });
    let expected = [
        (first.id.as_str(), &StatusType::Active),
        (second.id.as_str(), &StatusType::Inactive),
    ];
    assert_eq!(keys.collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn access_key_belongs_to_its_user() {
    let world = World::start().await;
    let iam = world.iam();
    let key = world.user("acme", &[]).await;
    world.user("beta", &[]).await;
    for user in ["beta", "missing"] {
        let delete = iam.delete_access_key().user_name(user);
        let delete = delete.access_key_id(&key.id).send().await;
        assert_eq!(outcome(delete), refused("404 NoSuchEntity"));
        let update = iam.update_access_key().user_name(user);
        let update = update.access_key_id(&key.id).status(StatusType::Inactive);
        assert_eq!(outcome(update.send().await), refused("404 NoSuchEntity"));
    }
    let list = iam.list_access_keys().user_name("acme").send().await;
    assert_eq!(list.unwrap().access_key_metadata().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn unsupported_calls_and_parameters_are_refused() {
    let world = World::start().await;
    let iam = world.iam();
    let unknown = iam.list_groups().send().await;
    assert_eq!(outcome(unknown), refused("400 InvalidAction"));
    let invalid = refused("400 ValidationError");
    for name in ["a/b", "a b", "*", "\u{e4}"] {
        let made = iam.create_user().user_name(name).send().await;
        assert_eq!(outcome(made), invalid, "{name}");
    }
    let path = iam.create_user().user_name("acme").path("no").send().await;
    assert_eq!(outcome(path), invalid);
    // Ignoring the boundary would give the user more rights than asked for.
    let bounded = iam.create_user().user_name("acme");
    let bounded = bounded.permissions_boundary("arn:aws:iam::aws:policy/ReadOnlyAccess");
    assert_eq!(outcome(bounded.send().await), invalid);
    assert_eq!(outcome(iam.get_user().send().await), invalid);
    let page = iam.list_users().max_items(0).send().await;
    assert_eq!(outcome(page), invalid);
    let listed = answer(iam.list_users().send().await).unwrap();
    assert!(listed.users.is_empty());
}

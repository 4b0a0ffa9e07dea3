//! What people read at a terminal.

use super::said;
use crate::support::Process;

const WIDTH: usize = 100;
const NAME: &str = "research-data-infrastructure-north-sea-1";
const BUCKET: &str = "research-data-infrastructure-north-sea-archive-for-the-years-25";
const SUBJECT: &str = "7d1e2f34-9c1b-4d2a-8a55-0f6f4b1f9a10";

/// One of everything, with names as long as they get in practice.
async fn furnish(process: &Process) {
    let workspace = format!("{NAME}/{NAME}");
    for arguments in [
        &["org", "create", NAME, "--bucket", BUCKET][..],
        &["workspace", "create", &workspace],
        &[
            "workspace",
            "add-member",
            &workspace,
            "--subject",
            SUBJECT,
            "--client-id",
            SUBJECT,
        ],
        &[
            "api-key",
            "create",
            "--org",
            NAME,
            "--label",
            NAME,
            "--scope",
            "api.katapult.io/core/v1/object_storage",
            "--expires-in",
            "90d",
        ],
        &[
            "access-key",
            "create",
            "--name",
            NAME,
            "--org",
            NAME,
            "--read-bucket",
            BUCKET,
            "--write-bucket",
            BUCKET,
            "--allow-network",
            "2001:db8:1234:5678::/64",
        ],
    ] {
        process.administer(arguments).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_fit_100_columns_and_hold_whole_values() {
    let process = Process::dev(&[]).await;
    furnish(&process).await;
    let workspace = format!("{NAME}/{NAME}");
    let keys = process.administer(&["access-key", "list", "--json"]).await;
    let keys: serde_json::Value = serde_json::from_str(&keys).unwrap();
    let key = keys[0]["id"].as_str().unwrap();
    for (arguments, whole) in [
        (&["org", "list"][..], BUCKET),
        (&["org", "show", NAME], BUCKET),
        (&["workspace", "list"], &workspace),
        (&["workspace", "show", &workspace], SUBJECT),
        (&["api-key", "list"], NAME),
        (&["access-key", "list"], BUCKET),
        (&["access-key", "show", key], BUCKET),
        (&["audit"], BUCKET),
        (&["bucket", "show", BUCKET], key),
    ] {
        let text = process.administer(arguments).await;
        assert!(text.contains(whole), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{arguments:?}: {line}");
        }
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_cannot_reverse_text_or_hide_in_it() {
    let process = Process::dev(&[]).await;
    let label = "ci\u{202e}\u{2028}\u{200b}x";
    let create = ["api-key", "create", "--org", "acme", "--label", label];
    process.administer(&create).await;
    let keys = process.administer(&["api-key", "list"]).await;
    assert!(keys.contains("ci   x"), "{keys:?}");
    let add = ["workspace", "add-member", "acme/research", "--subject"];
    let added = said(&process, &[&add[..], &["eve\u{202e}x"]].concat()).await;
    assert_eq!(added, "Added eve x to acme/research (read-write).\n");
    process.stop().await;
}

//! The banner of `cloakroom dev`: its commands work as printed.

use std::path::Path;
use std::process::Output;

use crate::support::Process;

/// Runs a script in an empty folder and a shell without configuration; the first failing line ends it.
async fn pasted(shell: &str, script: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let running = tokio::process::Command::new(shell)
        .args(["-ec", script])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("HOME", folder.path())
        .current_dir(folder.path())
        .output();
    running.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn banner_commands_work_as_printed() {
    let mut dev = Process::dev(&["--data-dir", "it's 100% data?"]).await;
    let blocks = dev.blocks_to_paste().await;
    let (addresses, blocks) = blocks.split_first().unwrap();
    let data = addresses
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("data  "));
    let data = Path::new(data.unwrap().trim_start());
    assert!(
        data.is_absolute() && data.ends_with("it's 100% data?"),
        "{data:?}"
    );
    assert_eq!(blocks.len(), 3, "{blocks:#?}");
    for shell in ["bash", "sh"] {
        let ran = pasted(shell, &blocks.join("\n")).await;
        let printed = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{shell}: {ran:?}");
        for what in [
            "hello",
            "\"aws_key_id\"",
            "\"access_key_id\"",
            "ORGANISATION  acme\n",
        ] {
            assert!(printed.contains(what), "{shell}: {what} in {ran:?}");
        }
    }
    dev.stop().await;
}

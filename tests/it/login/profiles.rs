use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use cloakroom::domain::Access;
use serde_json::Value;

use crate::support::{ALICES_BUCKET, App, Process, s3};

use super::{User, browse, gateway};

const MINE: &str = "# mine\n[profile work]\nregion = eu-west-1\n\n[default]\noutput=json";

impl User {
    fn aws_config(&self) -> PathBuf {
        self.home.path().join(".aws/config")
    }

    fn write_aws_config(&self, text: &str) {
        std::fs::create_dir_all(self.aws_config().parent().unwrap()).unwrap();
        std::fs::write(self.aws_config(), text).unwrap();
    }

    fn read_aws_config(&self) -> String {
        std::fs::read_to_string(self.aws_config()).unwrap()
    }

    /// The value of a key in the profile that `setup` has written last.
    fn in_profile(&self, key: &str) -> String {
        let text = self.read_aws_config();
        let (_, profile) = text.rsplit_once("[profile cloakroom").unwrap();
        let mut lines = profile.lines().filter_map(|line| line.split_once(" = "));
        lines.find(|(name, _)| *name == key).unwrap().1.to_owned()
    }

    /// Puts an object as a tool does that reads the profile.
    async fn put_by_profile(&self, bucket: &str) {
        let client = self.client_of_profile().await;
        let put = client.put_object().bucket(bucket).key("hello.txt");
        put.send().await.unwrap();
    }

    async fn client_of_profile(&self) -> aws_sdk_s3::Client {
        let mut words = shlex::split(&self.in_profile("credential_process")).unwrap();
        let program = words.remove(0);
        let mut command = tokio::process::Command::new(program);
        command
            .args(words)
            .env_clear()
            .env("HOME", self.home.path());
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        let keys: Value = serde_json::from_slice(&output.stdout).unwrap();
        let key = |name: &str| keys[name].as_str().unwrap();
        s3(
            &self.in_profile("endpoint_url"),
            key("AccessKeyId"),
            key("SecretAccessKey"),
            Some(key("SessionToken")),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_commands_lead_a_fresh_user_of_dev_to_a_first_file() {
    let dev = Process::dev(&[]).await;
    let user = User {
        home: tempfile::tempdir().unwrap(),
        url: dev.gateway.clone(),
    };
    let mut waiting = user.login(&[]);
    browse(&waiting.link().await, "alice").await;
    assert_eq!(waiting.end().await.code, Some(0));
    let ran = user.run(&["setup", "aws", "--yes"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let expected = format!("aws --profile cloakroom s3 ls s3://{ALICES_BUCKET}/\n");
    assert_eq!(ran.stdout, expected);
    user.put_by_profile(ALICES_BUCKET).await;
    dev.stop().await;
}

async fn setup(user: &User, more: &[&str]) -> super::Ran {
    user.run(&[&["setup", "aws"], more].concat()).await
}

async fn signed_in() -> (App, User) {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    (app, user)
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_keeps_the_rest_of_the_file_its_mode_and_a_link() {
    let (_app, user) = signed_in().await;
    let dotfiles = user.home.path().join("dotfiles");
    std::fs::write(&dotfiles, MINE).unwrap();
    std::fs::set_permissions(&dotfiles, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::create_dir(user.home.path().join(".aws")).unwrap();
    symlink(&dotfiles, user.aws_config()).unwrap();
    assert_eq!(setup(&user, &["--yes"]).await.code, Some(0));
    let text = std::fs::read_to_string(&dotfiles).unwrap();
    let (before, after) = text.split_at(MINE.len());
    assert_eq!(before, MINE);
    assert!(after.starts_with("\n\n[profile cloakroom]\n"), "{after}");
    let mode = std::fs::metadata(&dotfiles).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert!(user.aws_config().is_symlink());
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_shows_what_it_would_change_and_asks_first() {
    let (_app, user) = signed_in().await;
    user.write_aws_config(MINE);
    let ran = setup(&user, &[]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("+ [profile cloakroom]"), "{ran:?}");
    assert!(ran.stderr.contains("confirm with --yes"), "{ran:?}");
    assert_eq!(user.read_aws_config(), MINE);
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_repeated_changes_nothing() {
    let (_app, user) = signed_in().await;
    assert_eq!(setup(&user, &["--yes"]).await.code, Some(0));
    let text = user.read_aws_config();
    let ran = setup(&user, &[]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(user.read_aws_config(), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_replaces_a_different_profile_only_by_force() {
    let (_app, user) = signed_in().await;
    let theirs = "[profile cloakroom]\naws_access_key_id = theirs\n\n[profile x]\n";
    user.write_aws_config(theirs);
    let ran = setup(&user, &["--yes"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("- aws_access_key_id = theirs"),
        "{ran:?}"
    );
    assert_eq!(user.read_aws_config(), theirs);
    assert_eq!(
        setup(&user, &["--yes", "--profile", "other"]).await.code,
        Some(0)
    );
    assert!(user.read_aws_config().starts_with(theirs));
    assert_eq!(setup(&user, &["--yes", "--force"]).await.code, Some(0));
    let text = user.read_aws_config();
    assert!(
        !text.contains("theirs") && text.contains("\n\n[profile x]\n"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_finds_a_profile_however_its_name_is_written() {
    let (_app, user) = signed_in().await;
    for (header, name) in [
        ("[profile \"cloakroom\"]", "cloakroom"),
        ("[default]", "default"),
        ("[profile default]", "default"),
    ] {
        let theirs = format!("{header}\naws_access_key_id = theirs\n");
        user.write_aws_config(&theirs);
        let ran = setup(&user, &["--yes", "--profile", name]).await;
        assert_eq!(ran.code, Some(1), "{header}");
        assert!(ran.stderr.contains("a different profile"), "{ran:?}");
        let both = format!("{theirs}[{name}]\n[profile {name}]\n");
        user.write_aws_config(&both);
        let ran = setup(&user, &["--yes", "--force", "--profile", name]).await;
        assert_eq!(ran.code, Some(1), "{header}");
        assert!(ran.stderr.contains("more than one profile"), "{ran:?}");
        assert_eq!(user.read_aws_config(), both);
    }
}

/// Tools take keys from there before they run `credential_process`.
#[tokio::test(flavor = "multi_thread")]
async fn setup_refuses_a_name_that_has_keys_in_the_credentials_file() {
    let (_app, user) = signed_in().await;
    let file = user.home.path().join(".aws/credentials");
    user.write_aws_config(MINE);
    std::fs::write(&file, "[cloakroom]\naws_access_key_id = theirs\n").unwrap();
    for tool in ["aws", "rclone"] {
        let ran = user.run(&["setup", tool, "--yes", "--force"]).await;
        assert_eq!(ran.code, Some(1), "{tool}");
        let expected = format!("{}: has a profile cloakroom too", file.display());
        assert!(ran.stderr.contains(&expected), "{ran:?}");
    }
    assert_eq!(user.read_aws_config(), MINE);
    let ran = setup(&user, &["--yes", "--profile", "other"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_needs_a_sign_in() {
    let app = gateway().await;
    let user = User::at(&app);
    let ran = setup(&user, &["--yes"]).await;
    assert_eq!(ran.code, Some(77), "{ran:?}");
    assert!(!user.aws_config().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_writes_a_profile_for_a_workspace() {
    let (app, user) = signed_in().await;
    app.workspace("acme/research", &[("alice", Access::Read)])
        .await;
    let ran = setup(&user, &["--yes", "--workspace", "acme/research"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        user.read_aws_config()
            .starts_with("[profile cloakroom-acme-research]\n")
    );
    let (start, path) = ran.stdout.trim_end().split_once("s3://").unwrap();
    assert_eq!(start, "aws --profile cloakroom-acme-research s3 ls ");
    assert!(
        ran.stderr.contains(&format!("s3://{path}, read-only")),
        "{ran:?}"
    );
    let (bucket, prefix) = path.split_once('/').unwrap();
    assert_eq!(prefix, "research/");
    let client = user.client_of_profile().await;
    let list = client.list_objects_v2().bucket(bucket).prefix(prefix);
    list.send().await.unwrap();
    let ran = user
        .run(&["setup", "rclone", "--yes", "--workspace", "acme/research"])
        .await;
    assert_eq!(
        ran.stdout,
        format!("rclone ls cloakroom-acme-research:{path}\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_refuses_a_workspace_of_which_one_is_no_member() {
    let (app, user) = signed_in().await;
    app.workspace("acme/research", &[("bob", Access::Read)])
        .await;
    let ran = setup(&user, &["--yes", "--workspace", "acme/research"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("not_found: "), "{ran:?}");
    assert!(!user.aws_config().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_rclone_writes_a_remote_and_its_profile() {
    let (_app, user) = signed_in().await;
    let rclone = user.home.path().join(".config/rclone/rclone.conf");
    let ran = user.run(&["setup", "rclone", "--yes"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let remote = std::fs::read_to_string(&rclone).unwrap();
    assert!(remote.starts_with("[cloakroom]\ntype = s3\n"), "{remote}");
    assert!(remote.contains("\nprofile = cloakroom\n"), "{remote}");
    user.put_by_profile(ALICES_BUCKET).await;
    let locked = "# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nabc\n";
    std::fs::write(&rclone, locked).unwrap();
    let ran = user.run(&["setup", "rclone", "--yes"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("is encrypted"), "{ran:?}");
    assert_eq!(std::fs::read_to_string(&rclone).unwrap(), locked);
}

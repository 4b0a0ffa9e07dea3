use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

const BINARY: &str = env!("CARGO_BIN_EXE_cloakroom");

/// A `cloakroom dev` in a separate process.
pub(crate) struct Process {
    pub(crate) gateway: String,
    oauth_port: String,
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: JoinHandle<String>,
    directory: TempDir,
}

/// The program with these arguments.
pub(crate) fn cloakroom(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments);
    alone(command)
}

/// The same under a limit on its resources, written as the shell's `ulimit` takes it.
pub(crate) fn limited(limit: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")])
        .arg(BINARY)
        .args(arguments);
    alone(command)
}

fn alone(mut command: Command) -> Command {
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

impl Process {
    /// Starts it on free ports and waits for its banner.
    pub(crate) async fn dev(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut child = cloakroom(&[
            "dev",
            "--port",
            "0",
            "--storage-port",
            "0",
            "--oauth-port",
            "0",
        ])
        .args(arguments)
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stderr = child.stderr.take().unwrap();
        let stderr = tokio::spawn(async move {
            let mut text = String::new();
            stderr.read_to_string(&mut text).await.unwrap();
            text
        });
        let gateway = line_after(&mut stdout, "gateway").await;
        let oauth = line_after(&mut stdout, "authorization server").await;
        let oauth_port = oauth.rsplit(':').next().unwrap().to_owned();
        Self {
            gateway,
            oauth_port,
            child,
            stdout,
            stderr,
            directory,
        }
    }

    /// The rest of the banner: the addresses and each block of lines to paste. A line that ends in a
    /// colon explains the next one.
    pub(crate) async fn blocks_to_paste(&mut self) -> Vec<String> {
        let reading = async {
            let mut banner = String::new();
            while !banner.contains("cloakroom.toml") {
                banner += &self.stdout.next_line().await.unwrap().unwrap();
                banner.push('\n');
            }
            banner
        };
        let banner = tokio::time::timeout(Duration::from_secs(20), reading).await;
        let banner = banner.unwrap();
        let blocks = banner.trim_end().split("\n\n").map(ToOwned::to_owned);
        blocks.filter(|block| !block.ends_with(':')).collect()
    }

    /// Runs `cloakroom dev-token` against this process.
    pub(crate) async fn dev_token(&self, arguments: &[&str]) -> String {
        let output = cloakroom(&["dev-token", "--oauth-port", &self.oauth_port])
            .args(arguments)
            .output();
        let output = output.await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// Runs an administrative command as `tester`. Returns its standard output.
    pub(crate) async fn administer(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// An administrative command as `tester`, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let config = self.directory.path().join(".cloakroom/cloakroom.toml");
        let mut command = cloakroom(arguments);
        command
            .env("CLOAKROOM_CONFIG", config)
            .env("CLOAKROOM_OPERATOR", "tester");
        command
    }

    /// The URL of its database.
    pub(crate) fn database_url(&self) -> String {
        let file = self.directory.path().join(".cloakroom/cloakroom.db");
        format!("sqlite://{}?mode=rwc", file.display())
    }

    /// A file of its data directory.
    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.directory.path().join(".cloakroom").join(name)
    }

    /// The bytes of its database files.
    pub(crate) fn database(&self) -> Vec<u8> {
        let data = self.directory.path().join(".cloakroom");
        let files = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap());
        let files = files.filter(|file| {
            file.file_name()
                .to_string_lossy()
                .starts_with("cloakroom.db")
        });
        files
            .flat_map(|file| std::fs::read(file.path()).unwrap())
            .collect()
    }

    /// Starts `dev` once more on the same data.
    pub(crate) async fn dev_again(&self) -> std::process::Output {
        let free = ["--port", "0", "--storage-port", "0", "--oauth-port", "0"];
        let running = cloakroom(&["dev"])
            .args(free)
            .current_dir(self.directory.path())
            .output();
        let ended = tokio::time::timeout(Duration::from_secs(20), running);
        ended.await.unwrap().unwrap()
    }

    /// Sends it a signal.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.await.unwrap().success());
    }

    /// Sends SIGTERM, expects exit 0, and returns all output.
    pub(crate) async fn stop(mut self) -> String {
        self.signal("TERM").await;
        let ended = tokio::time::timeout(Duration::from_secs(10), self.child.wait()).await;
        assert!(ended.unwrap().unwrap().success());
        let mut output = self.stderr.await.unwrap();
        while let Some(line) = self.stdout.next_line().await.unwrap() {
            output.push_str(&line);
            output.push('\n');
        }
        output
    }
}

/// The last word of the first line with this label.
async fn line_after(stdout: &mut Lines<BufReader<ChildStdout>>, label: &str) -> String {
    let found = async {
        loop {
            let line = stdout
                .next_line()
                .await
                .unwrap()
                .expect("the process ended before its banner");
            if line.trim_start().starts_with(label) {
                return line.rsplit(' ').next().unwrap().to_owned();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found)
        .await
        .unwrap()
}

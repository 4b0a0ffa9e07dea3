//! A request to the whole gateway. What is handed out opens the bucket of the caller whose credential is in
//! the one place where the route takes it, of a workspace that the request names and the caller is in, or of
//! the access key that the body names and the credential is for; nothing else is handed out, and nothing fails.
//!
//! The input is a request without `Host` and the headers that frame it, with line feeds. `@KEY@` stands for
//! the API key, `@CAPABILITY@` for the capability token, `@ACMES@`, `@GLOBEXS@` and `@ALICES@` for the access
//! keys.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use crate::gateway::{ALICES_BUCKET, CLIENT, GATEWAY, MEMBERS, ORGANISATION};
use crate::store::{KEY, SECRET};

/// The route of access keys.
const ROTATE: &str = "/core/v1/object_storage/access_keys/access_key/generate_credentials";

/// The statuses of the contract for a gateway whose upstreams are well.
const STATUSES: [u16; 14] = [
    200, 304, 308, 400, 401, 403, 404, 405, 413, 414, 415, 422, 426, 431,
];

thread_local! {
    /// The connection, while the gateway keeps it open.
    static KEPT: Cell<Option<TcpStream>> = const { Cell::new(None) };
}

pub(crate) fn check(input: &[u8]) -> bool {
    let Some(asked) = Asked::parse(input) else {
        return false;
    };
    let began = Instant::now();
    let address = GATEWAY.address;
    let answer = asked.send(address).or_else(|| asked.send(address));
    let answer = answer.expect("an answer");
    // The machine may be too busy for a time limit, of an upstream or of a request.
    let is_late = began.elapsed() > Duration::from_millis(500)
        && matches!(answer.status, 406 | 408 | 500 | 502 | 503 | 504);
    // A late probe's failure is said for a second.
    let may_be_unavailable = asked.target.starts_with("/readyz");
    let is_good =
        STATUSES.contains(&answer.status) || answer.status == 503 && may_be_unavailable || is_late;
    assert!(
        is_good,
        "status {}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    let handed_out = handed_out(&answer.body);
    if let Some(key) = &handed_out {
        let opened = GATEWAY.store.lock().unwrap().opened.get(key).cloned();
        let opened = opened.expect("a key that the store has made");
        assert_eq!(answer.status, 200);
        assert!(
            answer.head.contains("cache-control: no-store"),
            "{}",
            answer.head
        );
        match &opened.access_key {
            None => asked.may_open(&opened.policy),
            Some(id) => asked.may_rotate(id, &opened.policy),
        }
    }
    handed_out.is_some()
}

/// The key in an answer of any dialect, beside its secret: a list of sessions has the keys alone.
fn handed_out(body: &[u8]) -> Option<String> {
    let body = String::from_utf8_lossy(body);
    if !body.contains(SECRET) {
        return None;
    }
    let at = body.find(KEY)?;
    Some(
        body[at..]
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect(),
    )
}

struct Asked {
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    /// What is sent: bytes as the characters of Latin-1.
    text: String,
    /// All of it, every encoding undone.
    decoded: String,
    is_head: bool,
}

struct Answered {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Asked {
    fn parse(input: &[u8]) -> Option<Self> {
        let text: String = input.iter().copied().map(char::from).collect();
        let made = &GATEWAY.made;
        let text = text
            .replace("@KEY@", &made.api_key)
            .replace("@CAPABILITY@", &made.capability)
            .replace("@ACMES@", &made.of_acme)
            .replace("@GLOBEXS@", &made.of_globex)
            .replace("@ALICES@", &made.of_alice);
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut lines = head.split('\n');
        let (method, target) = lines.next()?.split_once(' ')?;
        let is_plain = |byte: u8| byte.is_ascii_graphic();
        if !["GET", "HEAD", "POST", "PUT"].contains(&method)
            || !target.starts_with('/')
            || !target.bytes().all(is_plain)
            // The server cuts a fragment off (RFC 9112, section 3.2, allows none).
            || target.contains('#')
            // It would change what later inputs get.
            || decoded(target).contains("revoke")
        {
            return None;
        }
        let headers: Vec<&str> = lines.filter(|line| is_header(line)).collect();
        let length = body.chars().count();
        let mut sent =
            format!("{method} {target} HTTP/1.1\r\nhost: g\r\ncontent-length: {length}\r\n");
        for header in &headers {
            sent.push_str(header);
            sent.push_str("\r\n");
        }
        sent.push_str("\r\n");
        sent.push_str(body);
        let raw = format!("{target} {} {body}", headers.join(" "));
        let decoded = format!("{raw} {}", decoded(&raw));
        // An error may quote the request.
        if decoded.contains(KEY) {
            return None;
        }
        let named = headers.iter().filter_map(|line| line.split_once(':'));
        let headers =
            named.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Some(Self {
            target: target.to_owned(),
            headers: headers.collect(),
            body: body.to_owned(),
            decoded,
            text: sent,
            is_head: method == "HEAD",
        })
    }

    fn send(&self, address: SocketAddr) -> Option<Answered> {
        let mut stream = match KEPT.take() {
            Some(stream) => stream,
            None => TcpStream::connect(address).ok()?,
        };
        stream
            .set_read_timeout(Some(Duration::from_secs(50)))
            .ok()?;
        stream.set_nodelay(true).ok()?;
        let bytes = self.text.chars().map(|char| u8::try_from(char).unwrap());
        stream.write_all(&bytes.collect::<Vec<u8>>()).ok()?;
        let mut read = Vec::new();
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Some(answered) = Answered::parse(&read, self.is_head) {
                KEPT.set((!answered.head.contains("connection: close")).then_some(stream));
                return Some(answered);
            }
            match stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(length) => read.extend_from_slice(&chunk[..length]),
                // libFuzzer's timer.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    /// Panics unless a session with this policy may be handed out.
    fn may_open(&self, policy: &str) {
        let buckets = buckets_of(policy);
        let caller = self.caller();
        let of_workspaces = MEMBERS.into_iter().filter(|(name, org, ws)| {
            let named = [format!("{org}/{ws}"), format!("/org/{org}/ws/{ws}/")];
            caller.as_deref() == Some(*name)
                && named.iter().any(|named| self.decoded.contains(named))
        });
        let of_workspaces = of_workspaces.map(|(_, org, ws)| bucket_of(&["ws", org, ws, ""]));
        let mut may: Vec<String> = of_workspaces.collect();
        if !self.target.starts_with("/api/") {
            may.extend(caller.map(|name| bucket_of(&[CLIENT, &name])));
        }
        if self.has_api_key() {
            may = vec![bucket_of(&["org", ORGANISATION, ""])];
        }
        assert!(
            buckets.len() == 1 && buckets.iter().all(|bucket| may.contains(bucket)),
            "{policy}"
        );
        let target = format!("{}&", self.target);
        let is_write = policy.contains("PutObject");
        let reads_only = ["?access=read&", "&access=read&"]
            .iter()
            .any(|asked| target.contains(asked));
        assert!(!(reads_only && is_write), "a right to write: {policy}");
        let bob = buckets.contains(&bucket_of(&["ws", "globex", "research", ""]));
        assert!(!(bob && is_write), "bob may only read");
    }

    /// Panics unless a pair of this access key with this policy may be handed out.
    fn may_rotate(&self, id: &str, policy: &str) {
        let made = &GATEWAY.made;
        let (credential, bucket) = if id == made.of_acme {
            (made.api_key.as_str(), bucket_of(&["org", "acme", ""]))
        } else if id == made.of_globex {
            (made.capability.as_str(), bucket_of(&["org", "globex", ""]))
        } else {
            assert_eq!(id, made.of_alice);
            ("of.alice", ALICES_BUCKET.to_owned())
        };
        assert_eq!(self.path(), ROTATE);
        let named: Value = serde_json::from_str(&self.body).expect("JSON");
        assert_eq!(named, json!({ "access_key": { "id": id } }));
        let given: Vec<&str> = self.values("authorization").collect();
        let [given] = given[..] else {
            panic!("not one credential: {given:?}");
        };
        let (scheme, given) = given.split_once(' ').expect("a scheme");
        assert!(scheme.eq_ignore_ascii_case("bearer"), "{scheme}");
        assert_eq!(given.trim(), credential);
        assert_eq!(buckets_of(policy), BTreeSet::from([bucket]));
        assert!(!policy.contains("PutObject"), "a right to write: {policy}");
    }

    /// Whose token is in the one place where the route takes it, alone.
    fn caller(&self) -> Option<String> {
        let (path, fields) = (self.path(), self.fields());
        let of = |wanted: &str| -> Vec<&str> {
            let fields = fields.iter().filter(|(name, _)| name == wanted);
            fields.map(|(_, value)| value.as_str()).collect()
        };
        let tokens = match path.as_str() {
            "/" => of("WebIdentityToken"),
            // RFC 6750, section 2: only one way at a time, and the others are not taken.
            _ if !of("access_token").is_empty() => Vec::new(),
            _ => self.values("authorization").collect(),
        };
        let [token] = tokens[..] else {
            return None;
        };
        let token = match token.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
            _ if path == "/" || path.ends_with("/container") => token,
            _ => return None,
        };
        // A file of a token may end in a line end.
        let name = token.trim().strip_prefix("of.")?;
        let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase());
        is_name.then(|| name.to_owned())
    }

    /// Whether it is a request of storage/boto with the organisation's key.
    fn has_api_key(&self) -> bool {
        let keys: Vec<&str> = self.values("x-api-key").collect();
        self.path() == "/storage/boto" && keys == [GATEWAY.made.api_key.as_str()]
    }

    fn path(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        form(path).into_iter().map(|(name, _)| name).collect()
    }

    /// The fields of the query and of the body.
    fn fields(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        form(query).into_iter().chain(form(&self.body)).collect()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().filter(move |(given, _)| given == name);
        named.map(|(_, value)| value.as_str())
    }
}

impl Answered {
    fn parse(read: &[u8], is_head: bool) -> Option<Self> {
        let end = read.windows(4).position(|at| at == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length = length
            .and_then(|length| length.trim().parse().ok())
            .unwrap_or(0);
        let length = if is_head { 0 } else { length };
        Some(Self {
            status: head.split(' ').nth(1)?.parse().ok()?,
            body: read.get(end..end + length)?.to_vec(),
            head,
        })
    }
}

/// A header that leaves the request framed as it is.
fn is_header(line: &str) -> bool {
    const FRAMING: [&str; 6] = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "expect",
        "upgrade",
    ];
    let Some((name, value)) = line.split_once(':') else {
        return false;
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !name.is_empty()
        && name.bytes().all(is_name)
        && !FRAMING.contains(&name.to_ascii_lowercase().as_str())
        && value
            .chars()
            .all(|char| char == '\t' || char >= ' ' && char != '\u{7f}')
}

fn form(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

/// The text as a form and as a path, decoded as often as anybody could.
fn decoded(text: &str) -> String {
    let mut all = String::new();
    let mut text = text.to_owned();
    for _ in 0..3 {
        text = form(&text)
            .iter()
            .fold(String::new(), |text, (name, value)| {
                text + name + "=" + value + "&"
            });
        all.push_str(&text);
    }
    all
}

/// The buckets that a policy opens.
fn buckets_of(policy: &str) -> BTreeSet<String> {
    let policy: Value = serde_json::from_str(policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let allows = statements.filter(|statement| statement["Effect"] == "Allow");
    let resources = allows.flat_map(|statement| match &statement["Resource"] {
        Value::Array(resources) => resources.clone(),
        resource => vec![resource.clone()],
    });
    let bucket = |resource: Value| {
        let name = resource.as_str().unwrap().strip_prefix("arn:aws:s3:::");
        name.unwrap().split('/').next().unwrap().to_owned()
    };
    resources.map(bucket).collect()
}

/// Section 5 of the contract: 63 hex digits of the fields after an empty namespace.
pub(crate) fn bucket_of(fields: &[&str]) -> String {
    let fields = fields.iter().map(|field| format!("\0{field}"));
    let digest = Sha256::digest(fields.collect::<String>());
    hex::encode(digest)[..63].to_owned()
}

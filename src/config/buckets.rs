use std::time::Duration;

use crate::adapters::aws::{BucketRules, Engine};

use super::http::{CONSOLE, HttpConfig, check_origins};
use super::key::Key;
use super::reader::{Read, Reader};
use super::storage::StorageConfig;

const ABORT_MULTIPART_AFTER: Key = Key::new(
    "buckets.abort_multipart_after",
    "After how many whole days, such as `7d`, the store drops the parts of an upload that was never \
     finished. `0d` removes the gateway's rule from its buckets.",
)
.see("Rules of buckets", "engines.md#rules-of-buckets");

const CORS_ORIGINS: Key = Key::new(
    "buckets.cors_origins",
    "Origins of the web pages that may use the buckets from a browser; `*` alone is any. An empty \
     list removes the gateway's rule from its buckets. With `http.console` the origin of \
     `http.public_url` is one of them.",
)
.see("Rules of buckets", "engines.md#rules-of-buckets");

const DAY: Duration = Duration::from_hours(24);

const LONGEST_DAYS: u16 = 3_650;

/// `buckets.*`
#[derive(Clone, Debug)]
pub struct BucketsConfig {
    /// `buckets.abort_multipart_after` and `buckets.cors_origins`
    pub rules: BucketRules,
}

impl BucketsConfig {
    pub(super) fn read(
        reader: &mut Reader,
        http: Read<&HttpConfig>,
        storage: Read<&StorageConfig>,
    ) -> Read<Self> {
        reader.section(
            "buckets",
            "What every bucket gets when it is made and keeps afterwards. A key that is not set leaves \
             the buckets as they are.",
        );
        let abort_multipart_after = reader.optional(ABORT_MULTIPART_AFTER);
        let cors_origins = reader.optional_list::<String>(CORS_ORIGINS);
        if let Ok(Some(origins)) = &cors_origins {
            check_origins(reader, CORS_ORIGINS, origins);
            check_wildcards(reader, origins);
        }
        let days = abort_multipart_after.and_then(|length| match length.map(whole_days) {
            None => Ok(None),
            Some(Some(days)) => Ok(Some(days)),
            Some(None) => Err(reader.error(
                ABORT_MULTIPART_AFTER,
                "must be whole days: from 1d to 3650d, or 0d for no rule",
            )),
        });
        let mut rules = BucketRules {
            abort_multipart_after: days?,
            cors_origins: cors_origins?,
        };
        let console = http.ok().and_then(HttpConfig::console_origin);
        if let Ok(storage) = storage {
            check_apart(reader, console.as_deref(), storage);
            warn_about_no_effect(reader, &rules, storage.engine);
            if rules.cors_origins.is_none() && console.is_some() {
                warn_about_console(reader, storage.engine);
            }
        }
        if let Some(console) = console {
            add_origin(&mut rules, console);
        }
        Ok(Self { rules })
    }
}

/// Otherwise what people store would have the rights of the console's pages.
fn check_apart(reader: &mut Reader, console: Option<&str>, storage: &StorageConfig) {
    let endpoint = storage.public_endpoint.as_ref();
    let Some(endpoint) = endpoint.or(storage.endpoint.as_ref()) else {
        return;
    };
    let store = endpoint.origin().ascii_serialization();
    if console == Some(store.as_str()) {
        reader.error(
            CONSOLE,
            format!(
                "the store is at the same origin, {store}: give it a host or port that differs"
            ),
        );
    }
}

/// The console's pages use the buckets, too.
fn add_origin(rules: &mut BucketRules, origin: String) {
    let origins = rules.cors_origins.get_or_insert_default();
    if !origins.contains(&origin) && *origins != ["*"] {
        origins.push(origin);
    }
}

fn whole_days(length: Duration) -> Option<u16> {
    let days = u16::try_from(length.as_secs() / DAY.as_secs()).ok()?;
    let is_whole = DAY * u32::from(days) == length;
    (is_whole && days <= LONGEST_DAYS).then_some(days)
}

/// S3 allows one wildcard in an origin.
fn check_wildcards(reader: &mut Reader, origins: &[String]) {
    for origin in origins {
        if origin.matches('*').count() > 1 {
            reader.error(CORS_ORIGINS, format!("'{origin}': has more than one *"));
        }
    }
}

fn warn_about_no_effect(reader: &mut Reader, rules: &BucketRules, engine: Engine) {
    let is_set = [
        (ABORT_MULTIPART_AFTER, rules.abort_multipart_after.is_some()),
        (CORS_ORIGINS, rules.cors_origins.is_some()),
    ];
    let reasons = [engine.lacks_abort_rules(), engine.lacks_cors_rules()];
    for ((key, is_set), reason) in is_set.into_iter().zip(reasons) {
        if let Some(reason) = reason.filter(|_| is_set) {
            let warning = format!("{} has no effect on this store: {reason}", key.name);
            reader.warnings.push(warning);
        }
    }
}

fn warn_about_console(reader: &mut Reader, engine: Engine) {
    if let Some(reason) = engine.lacks_cors_rules() {
        let warning =
            format!("http.console: the store must let the console's pages in by itself: {reason}");
        reader.warnings.push(warning);
    }
}

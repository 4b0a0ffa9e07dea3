//! One fuzzer for every target: `TARGET` names the one that runs. `docs/fuzzing.md` says what each
//! asserts; `fuzz/run` builds and runs it.

#![no_main]

mod access_key_policy;
mod capability;
mod claims;
mod config;
mod discovery;
mod gateway;
mod iam_xml;
mod introspection;
mod issuer;
mod json;
mod jwks;
mod jwt;
mod keys;
mod names;
mod policy;
mod requests;
mod store;
mod sts_xml;
mod upstream;
mod xml;

use std::sync::LazyLock;

/// Checks one input; panics when the target's property does not hold. Returns whether the gateway accepts it.
type Check = fn(&[u8]) -> bool;

static TARGETS: [(&str, Check); 13] = [
    ("access-key-policy", access_key_policy::check),
    ("capability", capability::check),
    ("config", config::check),
    ("discovery", discovery::check),
    ("iam-xml", iam_xml::check),
    ("introspection", introspection::check),
    ("issuer", issuer::check),
    ("jwks", jwks::check),
    ("jwt", jwt::check),
    ("names", names::check),
    ("policy", policy::check),
    ("requests", requests::check),
    ("sts-xml", sts_xml::check),
];

static CHECK: LazyLock<Check> = LazyLock::new(|| {
    let wanted = std::env::var("TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    let names = TARGETS.map(|(name, _)| name).join(", ");
    found
        .unwrap_or_else(|| panic!("set TARGET to one of {names}"))
        .1
});

/// Set for inputs that must be accepted: a gateway that refuses everything has every property.
static MUST_ACCEPT: LazyLock<bool> = LazyLock::new(|| std::env::var_os("MUST_ACCEPT").is_some());

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let is_accepted = (*CHECK)(input);
    assert!(is_accepted || !*MUST_ACCEPT, "refused");
});

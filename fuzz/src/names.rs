//! Names in paths and in the registry. One that is accepted is written as it was read, so that every
//! name has one spelling; and two owners never share the message that their buckets are made of.
//!
//! The input is up to three lines.

use std::fmt::Display;
use std::str::FromStr;

use cloakroom::domain::{
    AccessKeyId, ApiKey, ApiKeyId, Area, BucketFormula, BucketName, BucketPrefix, ClientId,
    IssuerId, IssuerName, Membership, Owner, OwnerPseudonym, Prefix, Principal, Scope, Share, Slug,
    Subject, WorkspaceName,
};

pub(crate) fn check(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else {
        return false;
    };
    let lines: Vec<&str> = text.splitn(3, '\n').collect();
    for line in &lines {
        spelled(line);
    }
    let owners: Vec<Owner> = owners(&lines);
    let formula = BucketFormula::default();
    let written = owners
        .iter()
        .map(|owner| (owner, formula.digest(owner), owner.to_string()));
    let written: Vec<_> = written.collect();
    for (at, (owner, digest, name)) in written.iter().enumerate() {
        for (other, its_digest, its_name) in &written[at + 1..] {
            let same = owner == other;
            assert_eq!(digest == its_digest, same, "{owner} and {other}");
            assert_eq!(name == its_name, same, "{owner} and {other}");
        }
    }
    areas(&lines);
    !owners.is_empty()
}

/// Panics if a name has a second spelling.
fn spelled(text: &str) {
    same::<AccessKeyId>(text);
    same::<ApiKeyId>(text);
    same::<BucketName>(text);
    same::<BucketPrefix>(text);
    same::<IssuerName>(text);
    same::<OwnerPseudonym>(text);
    same::<Prefix>(text);
    same::<Slug>(text);
    same::<WorkspaceName>(text);
    if let Ok(scope) = Scope::parse(text) {
        assert_eq!(scope.as_str(), text);
        assert!(scope.is_granted_by(&format!("other {text}")));
    }
    if let Ok(issuer) = IssuerId::parse(text) {
        assert_eq!(issuer.as_str(), text);
        assert!(issuer.may_issue(Some(text), Some(text)) || issuer.is_trust_domain());
    }
    if let Ok(key) = ApiKey::parse(text) {
        assert_eq!(key.expose(), text);
        assert!(text.starts_with(key.id().as_str()) && ApiKey::has_form(text));
    }
    // These have several spellings, which mean the same.
    if let Ok(principal) = text.parse::<Principal>() {
        assert_eq!(
            principal.to_string().parse::<Principal>().as_ref(),
            Ok(&principal)
        );
    }
    if let Ok(share) = text.parse::<Share>() {
        assert_eq!(share.to_string().parse::<Share>(), Ok(share));
    }
    if let Some(membership) = Membership::parse(text) {
        let named = membership.workspace.to_string();
        assert!(text.trim_start_matches('/').starts_with(&named));
        assert_eq!(named.matches('/').count(), 1);
    }
}

fn same<Name: FromStr + Display>(text: &str) {
    if let Ok(name) = text.parse::<Name>() {
        assert_eq!(name.to_string(), text);
    }
}

/// Every owner that the lines can name, by themselves and together.
fn owners(lines: &[&str]) -> Vec<Owner> {
    let mut owners = Vec::new();
    let mut add = |owner: Option<Owner>| owners.extend(owner);
    for line in lines {
        add(line.parse().ok().map(Owner::Organisation));
        add(line.parse().ok().map(Owner::Workspace));
        add(line.parse().ok().map(Owner::AccessKey));
        add(line.parse().ok().map(Owner::Principal));
        for other in lines {
            add(principal(None, line, other));
            for third in lines {
                add(principal(Some(*line), other, third));
            }
        }
    }
    owners
}

fn principal(issuer: Option<&str>, client_id: &str, subject: &str) -> Option<Owner> {
    let issuer = issuer.map(|name| name.parse().ok());
    Some(Owner::Principal(Principal {
        issuer: match issuer {
            Some(name) => Some(name?),
            None => None,
        },
        client_id: ClientId::parse(client_id).ok()?,
        subject: Subject::parse(subject).ok()?,
    }))
}

/// Prefixes of one bucket: an object is in two areas only if they overlap.
fn areas(lines: &[&str]) {
    let [first, second, key] = lines else { return };
    let area = |text: &str| {
        text.parse::<Prefix>().ok().map(|prefix| Area {
            bucket: "shared".parse().unwrap(),
            prefix,
        })
    };
    let (Some(first), Some(second)) = (area(first), area(second)) else {
        return;
    };
    if !first.overlaps(&second) {
        let (first, second) = (first.prefix.as_str(), second.prefix.as_str());
        let in_both = key.starts_with(first) && key.starts_with(second);
        assert!(!in_both, "{key} is in {first} and {second}");
    }
}

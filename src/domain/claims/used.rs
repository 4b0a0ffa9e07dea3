use super::{Audience, TokenRules, UnverifiedClaims};
use crate::domain::{MAX_IDENTIFIER_BYTES, Membership, Scope};

/// The longest kind of token that is told apart, in bytes, and more.
const MAX_KIND_BYTES: usize = 32;

/// What a list's element or a small string costs beside its bytes: the allocator's own header and
/// its rounding up.
const ALLOCATION_BYTES: usize = 24;

/// What the checks look at. An answer that is kept needs nothing else, and may be long.
#[derive(Clone, Debug)]
pub struct UsedClaims {
    /// Whose tokens count, and for whom they must be meant.
    pub rules: TokenRules,
    /// The scopes that may be asked for.
    pub scopes: Vec<Scope>,
}

impl UsedClaims {
    /// Claims that end every check as these do, in less memory.
    ///
    /// A value that is too long for any check to pass stays too long, and one that is not the
    /// expected one stays another.
    #[must_use]
    pub fn of(&self, claims: UnverifiedClaims) -> UnverifiedClaims {
        if !claims.active {
            return UnverifiedClaims::default();
        }
        let identity =
            |value: Option<String>| value.map(|value| cut(value, MAX_IDENTIFIER_BYTES + 1));
        let kind = |value: Option<String>| value.map(|value| cut(value, MAX_KIND_BYTES));
        UnverifiedClaims {
            sub: identity(claims.sub),
            client_id: identity(claims.client_id),
            azp: identity(claims.azp),
            scope: claims.scope.map(|scope| self.scope(&scope)),
            iss: claims.iss.map(|iss| self.issuer(&iss)),
            aud: claims.aud.map(|aud| self.audience(&aud)),
            token_type: kind(claims.token_type),
            typ: kind(claims.typ),
            token_use: kind(claims.token_use),
            memberships: claims.memberships.map(memberships),
            ..claims
        }
    }

    fn scope(&self, granted: &str) -> String {
        let words = self.scopes.iter().map(Scope::as_str);
        let granted = |word: &&str| granted.split(' ').any(|granted| granted == *word);
        words.filter(granted).collect::<Vec<_>>().join(" ")
    }

    /// No issuer is the empty string.
    fn issuer(&self, iss: &str) -> String {
        let ours = &self.rules.issuer;
        if iss == ours {
            ours.clone()
        } else {
            String::new()
        }
    }

    fn audience(&self, aud: &Audience) -> Audience {
        let ours = self.rules.audience.iter();
        Audience(ours.filter(|ours| aud.0.contains(ours)).cloned().collect())
    }
}

impl UnverifiedClaims {
    /// What they take on the heap, in bytes, estimated from above.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let strings = [
            &self.sub,
            &self.client_id,
            &self.azp,
            &self.scope,
            &self.iss,
            &self.token_type,
            &self.typ,
            &self.token_use,
        ];
        let strings = strings
            .into_iter()
            .flatten()
            .map(|text| allocated(text.capacity()));
        let lists = [
            self.aud.as_ref().map(|aud| &aud.0),
            self.memberships.as_ref(),
        ];
        let lists = lists.into_iter().flatten().map(|list| {
            let words = list.iter().map(|word| allocated(word.capacity()));
            allocated(list.capacity() * size_of::<String>()) + words.sum::<usize>()
        });
        strings.sum::<usize>() + lists.sum::<usize>()
    }
}

fn allocated(bytes: usize) -> usize {
    if bytes == 0 {
        0
    } else {
        bytes + ALLOCATION_BYTES
    }
}

/// At least so many bytes of a longer value.
fn cut(mut value: String, bytes: usize) -> String {
    value.truncate(value.ceil_char_boundary(bytes));
    value.shrink_to_fit();
    value
}

/// The other words are of no workspace: a claim of groups holds all sorts of groups.
fn memberships(words: Vec<String>) -> Vec<String> {
    let words = words.into_iter();
    let mut words: Vec<String> = words
        .filter(|word| Membership::parse(word).is_some())
        .collect();
    words.shrink_to_fit();
    words.iter_mut().for_each(String::shrink_to_fit);
    words
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{TokenCaller, TokenError};

    const ISSUER: &str = "https://as.example";

    fn used(audience: Option<&str>) -> UsedClaims {
        UsedClaims {
            rules: TokenRules {
                issuer: ISSUER.to_owned(),
                audience: audience.map(str::to_owned),
            },
            scopes: ["storage", "keys"]
                .map(|word| Scope::parse(word).unwrap())
                .to_vec(),
        }
    }

    fn long(start: &str) -> String {
        format!("{start}{}", "\u{e4}".repeat(30_000))
    }

    fn long_claims() -> UnverifiedClaims {
        let words = |word: &'static str| (0..5_000).map(move |at| format!("{word} {at}"));
        UnverifiedClaims {
            active: true,
            sub: Some("alice".to_owned()),
            client_id: Some("demo".to_owned()),
            azp: None,
            scope: Some(
                words("x")
                    .chain(["storage".to_owned()])
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
            iss: Some(ISSUER.to_owned()),
            aud: Some(Audience(words("aud").chain(["us".to_owned()]).collect())),
            token_type: Some("Bearer".to_owned()),
            memberships: Some(
                words("/group")
                    .chain(["acme/research".to_owned()])
                    .collect(),
            ),
            ..UnverifiedClaims::default()
        }
    }

    #[test]
    fn what_no_check_looks_at_is_not_kept() {
        let used = used(Some("us"));
        let claims = long_claims();
        assert!(claims.heap_bytes() > 500_000);
        let kept = used.of(claims.clone());
        assert!(kept.heap_bytes() < 1_000, "{}", kept.heap_bytes());
        let now = DateTime::UNIX_EPOCH;
        for scope in &used.scopes {
            let (before, after) = (
                claims.verify(&used.rules, scope, now),
                kept.verify(&used.rules, scope, now),
            );
            assert_eq!(before, after);
        }
        for too_long in ["sub", "client_id", "iss", "typ"] {
            let mut claims = long_claims();
            match too_long {
                "sub" => claims.sub = Some(long("alice")),
                "client_id" => claims.client_id = Some(long("demo")),
                "iss" => claims.iss = Some(long(ISSUER)),
                _ => claims.typ = Some(long("Bearer")),
            }
            let kept = used.of(claims.clone());
            assert!(
                kept.heap_bytes() < 1_500,
                "{too_long}: {}",
                kept.heap_bytes()
            );
            let scope = &used.scopes[0];
            let refused = kept.verify(&used.rules, scope, now);
            assert!(refused.is_err(), "{too_long}");
            assert_eq!(refused, claims.verify(&used.rules, scope, now));
        }
        let inactive = UnverifiedClaims {
            active: false,
            ..long_claims()
        };
        assert_eq!(used.of(inactive).heap_bytes(), 0);
    }

    fn text() -> impl Strategy<Value = Option<String>> {
        let values = [
            "", "alice", "demo", ISSUER, "at+jwt", "bearer", "refresh", "a\0b",
        ];
        let values = prop::sample::select(values.map(str::to_owned).to_vec());
        prop_oneof![
            Just(None),
            values.clone().prop_map(Some),
            values.prop_map(|v| Some(long(&v)))
        ]
    }

    fn words() -> impl Strategy<Value = Vec<String>> {
        let words = [
            "storage",
            "keys",
            "us",
            "",
            "acme/research",
            "acme/lab:read",
            "/other",
        ];
        prop::collection::vec(
            prop::sample::select(words.map(str::to_owned).to_vec()),
            0..5,
        )
    }

    type Outcome = Result<TokenCaller, TokenError>;

    fn outcomes(
        used: &UsedClaims,
        claims: &UnverifiedClaims,
        proven: &TokenCaller,
    ) -> Vec<Outcome> {
        let now = DateTime::UNIX_EPOCH;
        let each = used.scopes.iter().flat_map(|scope| {
            [
                claims.verify(&used.rules, scope, now),
                claims.confirm(proven.clone(), &used.rules, scope, now),
            ]
        });
        each.collect()
    }

    proptest! {
        #[test]
        fn every_check_ends_as_before(
            active in prop::bool::weighted(0.9),
            identities in (text(), text()),
            kinds in (text(), text()),
            iss in text(),
            scope in prop::option::of(words()),
            aud in prop::option::of(words()),
            memberships in prop::option::of(words()),
            audience in prop::option::of(Just("us")),
        ) {
            let proven = TokenCaller {
                principal: crate::domain::Principal {
                    client_id: crate::domain::ClientId::parse("demo").unwrap(),
                    subject: crate::domain::Subject::parse("alice").unwrap(),
                },
                memberships: vec![Membership::parse("acme/research").unwrap()],
                proof_expires: None,
            };
            let claims = UnverifiedClaims {
                active,
                sub: identities.0,
                client_id: identities.1,
                scope: scope.map(|words| words.join(" ")),
                iss,
                aud: aud.map(Audience),
                token_type: kinds.0,
                typ: kinds.1,
                memberships,
                ..UnverifiedClaims::default()
            };
            let used = used(audience);
            let kept = used.of(claims.clone());
            prop_assert_eq!(outcomes(&used, &kept, &proven), outcomes(&used, &claims, &proven));
        }
    }
}

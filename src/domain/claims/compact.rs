use super::{Audience, TokenRules, UnverifiedClaims};
use crate::domain::{MAX_IDENTIFIER_BYTES, Membership, Scope};

/// Longer than any `token_type`, `typ` or `token_use` that the checks accept, so a truncated value still
/// fails.
const MAX_KIND_BYTES: usize = 32;

/// What an allocation costs beside its bytes: the allocator's header and its rounding up.
const ALLOCATION_BYTES: usize = 24;

impl UnverifiedClaims {
    /// Drops what no check under these rules and for one of these scopes looks at, so that a cache
    /// can keep long answers. Every check ends as it does with the full claims.
    ///
    /// Truncation never turns a refused value into an accepted one.
    #[must_use]
    pub fn compact(self, rules: &TokenRules, scopes: &[Scope]) -> Self {
        if !self.active {
            return Self::default();
        }
        let identity = |value| cut(value, MAX_IDENTIFIER_BYTES + 1);
        let (client_id, azp) = match (self.client_id, self.azp) {
            // Two long ids may differ only after the cut. The empty string differs from both.
            (Some(client_id), Some(azp)) if client_id != azp => {
                let (client_id, mut azp) = (identity(client_id), identity(azp));
                if client_id == azp {
                    azp.clear();
                }
                (Some(client_id), Some(azp))
            }
            (client_id, azp) => (client_id.map(identity), azp.map(identity)),
        };
        let kind = |value: Option<String>| value.map(|value| cut(value, MAX_KIND_BYTES));
        let granted = |claim: String| {
            let words = scopes.iter().filter(|scope| scope.is_granted_by(&claim));
            words.map(Scope::as_str).collect::<Vec<_>>().join(" ")
        };
        // The empty string equals no configured issuer, so a wrong `iss` stays wrong.
        let issuer = |iss| {
            Some(iss)
                .filter(|iss| *iss == rules.issuer)
                .unwrap_or_default()
        };
        let audience = |aud: Audience| {
            let ours = rules.audience.iter().filter(|ours| aud.0.contains(ours));
            Audience(ours.cloned().collect())
        };
        Self {
            sub: self.sub.map(identity),
            client_id,
            azp,
            scope: self.scope.map(granted),
            iss: self.iss.map(issuer),
            aud: self.aud.map(audience),
            token_type: kind(self.token_type),
            typ: kind(self.typ),
            token_use: kind(self.token_use),
            memberships: self.memberships.map(memberships),
            ..self
        }
    }

    /// An upper estimate of the heap that the claims take, in bytes.
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

/// The first `bytes` bytes of the value, or a little more: to the next character's end.
fn cut(mut value: String, bytes: usize) -> String {
    value.truncate(value.ceil_char_boundary(bytes));
    value.shrink_to_fit();
    value
}

/// The words that name workspaces: a claim of groups holds others, too.
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

    fn rules(audience: Option<&str>) -> TokenRules {
        TokenRules {
            issuer: ISSUER.to_owned(),
            audience: audience.map(str::to_owned),
        }
    }

    fn scopes() -> [Scope; 2] {
        ["storage", "keys"].map(|word| Scope::parse(word).unwrap())
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
        let (rules, scopes) = (rules(Some("us")), scopes());
        let claims = long_claims();
        assert!(claims.heap_bytes() > 500_000);
        let kept = claims.clone().compact(&rules, &scopes);
        assert!(kept.heap_bytes() < 1_000, "{}", kept.heap_bytes());
        let now = DateTime::UNIX_EPOCH;
        for scope in &scopes {
            let (before, after) = (
                claims.verify(&rules, scope, now),
                kept.verify(&rules, scope, now),
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
            let kept = claims.clone().compact(&rules, &scopes);
            assert!(
                kept.heap_bytes() < 1_500,
                "{too_long}: {}",
                kept.heap_bytes()
            );
            let scope = &scopes[0];
            let refused = kept.verify(&rules, scope, now);
            assert!(refused.is_err(), "{too_long}");
            assert_eq!(refused, claims.verify(&rules, scope, now));
        }
        let inactive = UnverifiedClaims {
            active: false,
            ..long_claims()
        };
        assert_eq!(inactive.compact(&rules, &scopes).heap_bytes(), 0);
    }

    fn text() -> impl Strategy<Value = Option<String>> {
        let values = [
            "", "alice", "demo", ISSUER, "at+jwt", "bearer", "refresh", "a\0b",
        ];
        let values = prop::sample::select(values.map(str::to_owned).to_vec());
        prop_oneof![
            Just(None),
            values.clone().prop_map(Some),
            values.clone().prop_map(|v| Some(long(&v))),
            values.prop_map(|v| Some(long(&v) + "."))
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
        rules: &TokenRules,
        claims: &UnverifiedClaims,
        proven: &TokenCaller,
    ) -> Vec<Outcome> {
        let now = DateTime::UNIX_EPOCH;
        let each = scopes().into_iter().flat_map(|scope| {
            [
                claims.verify(rules, &scope, now),
                claims.confirm(proven.clone(), rules, &scope, now),
            ]
        });
        each.collect()
    }

    proptest! {
        #[test]
        fn every_check_ends_as_before(
            active in prop::bool::weighted(0.9),
            identities in (text(), text(), text()),
            kinds in (text(), text()),
            iss in text(),
            scope in prop::option::of(words()),
            aud in prop::option::of(words()),
            memberships in prop::option::of(words()),
            audience in prop::option::of(Just("us")),
        ) {
            let proven = TokenCaller {
                principal: crate::domain::Principal {
                    issuer: None,
                    client_id: crate::domain::ClientId::parse("demo").unwrap(),
                    subject: crate::domain::Subject::parse("alice").unwrap(),
                },
                memberships: vec![Membership::parse("acme/research").unwrap()],
                proof_expires: None,
                max_session: None,
            };
            let claims = UnverifiedClaims {
                active,
                sub: identities.0,
                client_id: identities.1,
                azp: identities.2,
                scope: scope.map(|words| words.join(" ")),
                iss,
                aud: aud.map(Audience),
                token_type: kinds.0,
                typ: kinds.1,
                memberships,
                ..UnverifiedClaims::default()
            };
            let rules = rules(audience);
            let kept = claims.clone().compact(&rules, &scopes());
            prop_assert_eq!(outcomes(&rules, &kept, &proven), outcomes(&rules, &claims, &proven));
        }
    }
}

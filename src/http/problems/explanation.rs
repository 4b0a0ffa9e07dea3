use crate::http::problems::types::ProblemType;

/// What a problem type means, why it happens and what to do about it.
pub(crate) struct Explanation {
    pub(crate) meaning: &'static str,
    pub(crate) causes: &'static [&'static str],
    pub(crate) remedies: &'static [&'static str],
}

const fn explanation(
    meaning: &'static str,
    causes: &'static [&'static str],
    remedies: &'static [&'static str],
) -> Explanation {
    Explanation {
        meaning,
        causes,
        remedies,
    }
}

#[expect(clippy::too_many_lines, reason = "a table: one arm for each page")]
pub(crate) fn explain(problem: ProblemType) -> Explanation {
    match problem {
        ProblemType::MissingClaims => explanation(
            "The token is valid, but it does not say whose storage is meant: it needs a subject \
             (sub) and a client (client_id, or azp).",
            &[
                "The authorization server leaves sub out of access tokens or of introspection \
                 answers. Keycloak does so when the client scope \"basic\" with its sub mapper is missing.",
                "The token does not represent a user: some servers issue client-credentials tokens \
                 without sub.",
                "A value is empty, longer than 255 bytes, or holds a control character.",
            ],
            &[
                "Look at the token's introspection answer: both members must be strings.",
                "Have the authorization server's operator add the missing claim.",
            ],
        ),
        ProblemType::InvalidRequest => explanation(
            "The request cannot be understood, or holds something that does not belong there.",
            &[
                "The Authorization header is there twice, or what follows \"Bearer\" is empty, \
                 longer than 8 KiB or malformed.",
                "The token was sent in the query or the body.",
                "A query parameter is unknown, appears twice, or has a value out of bounds.",
                "The body is neither empty nor {}.",
            ],
            &[
                "Send exactly one header: Authorization: Bearer <token>.",
                "The member \"detail\" names the fault.",
            ],
        ),
        ProblemType::MissingToken => explanation(
            "The request holds no Bearer token.",
            &[
                "No Authorization header was sent, or one of another scheme, such as Basic.",
                "A proxy on the way dropped the header.",
                "The shell variable with the token is empty.",
            ],
            &["Get an access token and send it: Authorization: Bearer <token>."],
        ),
        ProblemType::InvalidToken => explanation(
            "The token is not accepted here. The gateway's log says under the request id which \
             check it failed; the answer does not.",
            &[
                "It has expired, or was revoked.",
                "It was issued by another authorization server, or for another audience.",
                "It is an ID token or a refresh token, not an access token.",
                "It is bound to a key (DPoP, mutual TLS), which this gateway does not check.",
            ],
            &[
                "Get a fresh access token and try again.",
                "If fresh ones are refused as well, ask the operator to look for the request id \
                 (X-Request-Id, or \"instance\") in the log.",
                "Operators: Keycloak calls a token inactive unless the gateway's client is in its aud.",
            ],
        ),
        ProblemType::InsufficientScope => explanation(
            "The token is valid, but was issued without the scope that this service requires. The \
             challenge in WWW-Authenticate names it.",
            &[
                "The client did not ask for the scope.",
                "The authorization server did not grant it to this client or user.",
            ],
            &["Ask for the scope when getting the token; it must be granted exactly as written."],
        ),
        ProblemType::InvalidApiKey => explanation(
            "The request has no valid API key. The answer does not tell a missing key from a \
             mistyped, unknown, revoked or expired one; the operator's log does.",
            &[
                "The header x-api-key is missing, or the key was cut when it was copied.",
                "The key was revoked, or has expired.",
                "The key belongs to another deployment.",
            ],
            &[
                "Send the whole key, as it was shown when it was created: ck_ and 72 hex digits.",
                "Ask an operator for a new one: cloakroom api-key create --org … --label …",
            ],
        ),
        ProblemType::StorageNotEntitled => explanation(
            "The credential is valid but opens no storage here.",
            &[
                "An operator has blocked the caller, the client or the owner of the storage.",
                "The API key was created with --no-storage.",
                "The organisation is disabled.",
            ],
            &[
                "Ask the operator, with the request id: cloakroom block --list, cloakroom org show, \
                 cloakroom api-key list.",
            ],
        ),
        ProblemType::NotFound => explanation(
            "There is nothing at this address.",
            &["A typo in the path, or a proxy that dropped part of it."],
            &[
                "In a browser, begin at the home page.",
                "The contract, at /openapi.yaml, lists all addresses.",
            ],
        ),
        ProblemType::MethodNotAllowed => explanation(
            "The address exists but does not take this method; the Allow header lists those it takes.",
            &["GET instead of POST: a redirect on the way may have turned one into the other."],
            &["Use a method that the Allow header lists."],
        ),
        ProblemType::BucketConflict => explanation(
            "The bucket with this owner's name exists already, and the gateway cannot tell that it \
             belongs to the owner. It hands out nothing, because the data could be another owner's.",
            &[
                "Two deployments share a store: staging and production, say.",
                "The registry was lost or restored from an old backup.",
                "Another account has taken the name; on AWS, names are global.",
            ],
            &[
                "This does not go away by itself: ask the operator, with the request id.",
                "Operators: give each deployment its own naming.namespace or naming.prefix. To take \
                 over buckets that are known to be yours, see naming.adopt; after a lost registry, \
                 naming.adopt_from. On AWS, naming.secret keeps names from being guessed.",
            ],
        ),
        ProblemType::PayloadTooLarge => explanation(
            "The request's body is longer than 64 KiB.",
            &["Something other than a request for credentials was sent, such as a file."],
            &["Send no body, or {}. Files go to the store, not to the gateway."],
        ),
        ProblemType::HeadersTooLarge => explanation(
            "The request's line and headers are longer than 64 KiB, or more than 96 headers.",
            &[
                "Cookies of other applications on the same host were sent along.",
                "A proxy on the way adds headers, such as a client certificate.",
            ],
            &["Send the token and little else: a token is 8 KiB at most."],
        ),
        ProblemType::RequestTimeout => explanation(
            "The request's line and headers did not arrive within 5 s.",
            &[
                "The client opened a connection long before it sent a request.",
                "The network loses packets.",
            ],
            &["Send the request again, on a new connection."],
        ),
        ProblemType::UnsupportedMediaType => explanation(
            "A body was sent whose Content-Type is not application/json.",
            &["curl -d sends application/x-www-form-urlencoded unless told otherwise."],
            &["Send no body, or {} with Content-Type: application/json."],
        ),
        ProblemType::ClientTooOld => explanation(
            "The client says in X-Client-Version that it is older than the operator allows for \
             workspaces (workspaces.minimum_client_version).",
            &["An installation that was not updated."],
            &["Update the client."],
        ),
        ProblemType::RateLimited => explanation(
            "Too many calls: of this caller, refused ones included (limits.per_caller), or for this owner's \
             storage (limits.per_owner).",
            &[
                "A program asks for new credentials before every operation.",
                "Many processes share one user and client, or one API key.",
                "Many unknown API keys come from one address.",
            ],
            &[
                "Wait for as many seconds as Retry-After says.",
                "Keep the credentials until shortly before their expiration.",
            ],
        ),
        ProblemType::InternalError => explanation(
            "Something went wrong in the gateway itself. No credentials were handed out.",
            &[
                "The registry cannot be written: its disk is full, or its database cannot be reached.",
                "Another replica has changed naming.* or oauth.issuer; this one still has the former \
                 values.",
                "A bug in the gateway.",
            ],
            &[
                "Try again later.",
                "Operators: the log has the cause under the request id; /readyz says whether it is the \
                 registry or the formula.",
            ],
        ),
        ProblemType::ProvisioningFailed => explanation(
            "The store did not create the bucket or open the session. No credentials were handed out.",
            &[
                "The store is down, slow, or cannot be reached from the gateway.",
                "It refuses the gateway's own identity: wrong keys, a missing right, another role.",
            ],
            &[
                "Try again in a moment; the gateway recovers by itself.",
                "Operators: the log has the cause under the request id.",
            ],
        ),
        ProblemType::IdentificationUnavailable => explanation(
            "The gateway could not check the token. The token itself may be valid.",
            &[
                "The authorization server is down, slow, or cannot be reached from the gateway.",
                "It refuses the gateway's own client (a changed secret, for instance).",
                "Its answer is not a valid introspection response.",
            ],
            &[
                "Try again in a moment; the gateway recovers by itself.",
                "Operators: the log has the cause under the request id.",
            ],
        ),
        ProblemType::StorageUnavailable => explanation(
            "The store did not create the bucket or open the session.",
            &[
                "The store is down, slow, or cannot be reached from the gateway.",
                "It refuses the gateway's own identity: wrong keys, a missing right, another role.",
            ],
            &[
                "Try again in a moment; the gateway recovers by itself.",
                "Operators: the log has the cause under the request id.",
            ],
        ),
        ProblemType::Overloaded => explanation(
            "The gateway takes no more requests at the moment.",
            &[
                "More requests are under way than it takes at once (http.max_in_flight).",
                "The authorization server is slow, and too many calls wait for it (oauth.max_in_flight).",
                "Too many new buckets are being made at once.",
                "This replica is stopping.",
            ],
            &["Wait for as many seconds as Retry-After says, then try again."],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_type_is_explained() {
        for &problem in ProblemType::ALL {
            let explanation = explain(problem);
            assert!(!explanation.meaning.is_empty(), "{}", problem.slug());
            assert!(!explanation.causes.is_empty(), "{}", problem.slug());
            assert!(!explanation.remedies.is_empty(), "{}", problem.slug());
        }
    }
}

//! File descriptors: as many as the system gives, and never all of them for clients.

use crate::service::BUCKET_PLACES;

/// Files, listeners, the database, watches on signals, and some to spare.
const OWN: usize = 64;

/// A call under way talks to the authorization server, to STS and to S3, and their connections are
/// kept for the next.
const UPSTREAM_CONNECTIONS: usize = 3;

/// Rotations go on when their calls have ended. They have no bound of their own; each key has few.
const ROTATIONS: usize = 64;

/// What outlives a call holds a connection to the store of its own.
const DETACHED: usize = BUCKET_PLACES + ROTATIONS;

/// How many connections may be open at once, so that the calls on them find the descriptors that
/// they need.
pub(in crate::server) fn connections_that_fit(wanted: usize, max_in_flight: usize) -> usize {
    let limit = raised_limit();
    let fitting = fitting(limit, max_in_flight);
    if fitting < wanted {
        tracing::warn!(
            descriptors = limit,
            needed = wanted + UPSTREAM_CONNECTIONS * max_in_flight.min(wanted) + DETACHED + OWN,
            connections = fitting,
            "http.max_connections: {wanted} connections, the upstreams and work that outlives its \
             call need more descriptors than there are; only {fitting} connections are taken at \
             once: raise the limit (LimitNOFILE, ulimits.nofile, ulimit -Hn)"
        );
    }
    fitting.min(wanted)
}

/// A connection has one call under way at most.
fn fitting(limit: usize, max_in_flight: usize) -> usize {
    let free = limit.saturating_sub(OWN);
    let free = free - kept_for_detached(free);
    let each_calls = free / (1 + UPSTREAM_CONNECTIONS);
    if each_calls <= max_in_flight {
        return each_calls.max(1);
    }
    free - UPSTREAM_CONNECTIONS * max_in_flight
}

/// Under a low limit connections and detached work share what there is.
fn kept_for_detached(free: usize) -> usize {
    DETACHED.min(free / 2)
}

/// The limit on open files (`RLIMIT_NOFILE`), raised to what the system allows.
#[cfg(unix)]
fn raised_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if current != maximum && setrlimit(Resource::Nofile, raised).is_err() {
        tracing::debug!("the limit on open files cannot be raised");
    }
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

#[cfg(not(unix))]
fn raised_limit() -> usize {
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_their_calls_fit_below_the_limit() {
        for limit in [64, 256, 1024, 4096, 20_000, 1 << 20] {
            for max_in_flight in [0, 1, 64, 512, 4096] {
                let connections = fitting(limit, max_in_flight);
                let calls = connections.min(max_in_flight);
                let detached = kept_for_detached(limit - OWN);
                let needed = connections + UPSTREAM_CONNECTIONS * calls + detached + OWN;
                assert!(
                    connections == 1 || (connections > 1 && needed <= limit),
                    "{limit}, {max_in_flight}: {connections}"
                );
            }
        }
        assert_eq!(fitting(1024, 512), 176);
        assert_eq!(fitting(20_000, 512), 18_144);
        // Work that outlives its call never takes all that is left.
        assert_eq!(fitting(200, 512), 17);
    }
}

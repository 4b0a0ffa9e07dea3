//! Limits the connections so that enough file descriptors remain for the gateway's own work.

use crate::service::BUCKET_PLACES;

/// Descriptors for files, listeners, the database and signals, with some to spare.
const OWN: usize = 64;

/// A call talks to the authorization server, to STS and to S3; their connections are kept alive.
const UPSTREAM_CONNECTIONS: usize = 3;

/// Rotations outlive their calls. They have no limit of their own, but each key has few.
const ROTATIONS: usize = 64;

/// Work that outlives its call; each piece holds one connection to the store.
const DETACHED: usize = BUCKET_PLACES + ROTATIONS;

/// How many connections may be open at once so that their calls find the descriptors they need.
pub(in crate::server) fn connections_that_fit(wanted: usize, max_in_flight: usize) -> usize {
    let limit = raised_limit();
    let fitting = fitting(limit, max_in_flight);
    if fitting < wanted {
        tracing::warn!(
            descriptors = limit,
            needed = wanted + UPSTREAM_CONNECTIONS * max_in_flight.min(wanted) + DETACHED + OWN,
            connections = fitting,
            "http.max_connections: {wanted} connections and the work behind them need more file \
             descriptors than the limit allows; only {fitting} connections are accepted at once: \
             raise the limit (LimitNOFILE, ulimits.nofile, ulimit -Hn)"
        );
    }
    fitting.min(wanted)
}

/// A connection has at most one call under way.
fn fitting(limit: usize, max_in_flight: usize) -> usize {
    let free = limit.saturating_sub(OWN);
    let free = free - kept_for_detached(free);
    let each_calls = free / (1 + UPSTREAM_CONNECTIONS);
    if each_calls <= max_in_flight {
        return each_calls.max(1);
    }
    free - UPSTREAM_CONNECTIONS * max_in_flight
}

/// Under a low limit, connections and detached work share the descriptors evenly.
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
        tracing::debug!("cannot raise the limit on open files");
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
        assert_eq!(fitting(1024, 512), 172);
        assert_eq!(fitting(20_000, 512), 18_128);
        // Detached work never takes every descriptor.
        assert_eq!(fitting(200, 512), 17);
    }
}

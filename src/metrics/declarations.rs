//! Every metric, with its name, its unit and what it says. docs/monitoring.md has the same table.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::instruments::{
    Counts, Declaration, Distributions, FractionalCount, Instrument, Level, Levels, instruments,
};
use super::labels::{
    Alarm, Build, ClientRequest, File, IssuedSession, Limit, Outcome, Refusal, ServerRequest,
};

/// The buckets that OpenTelemetry's convention for HTTP recommends, in seconds.
const HTTP_SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// From a fast disk's sync to the time limit of a write.
const WRITE_SECONDS: [f64; 11] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 2.5,
];

/// Up to the largest group.
const GROUP_SIZES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

instruments! {
    server_requests: Distributions<ServerRequest> = "http_server_request_duration" in Seconds,
        "Answers by route, method and status, and how long they took: `none` is no route, `_OTHER` any \
         method that no route takes",
        made by Family::new_with_constructor(http_seconds);
    client_requests: Distributions<ClientRequest> = "http_client_request_duration" in Seconds,
        "Requests to the store, the authorization server and the issuers of `issuers.*` (together: \
         `issuer-keys`, `issuer-discovery`), and how long they took. One without an answer has an \
         `error_type`: `timeout`, `connection`, `answer` (it breaks the protocol) or `abandoned` (its \
         caller's time was over)",
        made by Family::new_with_constructor(http_seconds);
    sessions: Counts<IssuedSession> = "cloakroom_sessions_issued",
        "Sessions that were issued and are in the audit trail";
    refusals: Counts<Refusal> = "cloakroom_refusals",
        "Requests that were refused, by dialect (`none`: a page, or no route) and cause";
    introspection_hits: Counter = "cloakroom_introspection_cache_hits",
        "Tokens whose introspection was remembered";
    introspection_misses: Counter = "cloakroom_introspection_cache_misses",
        "Tokens whose introspection was not remembered";
    buckets: Counts<Outcome> = "cloakroom_buckets_created",
        "Attempts to create a bucket: `created`, `existed` (ours already), `foreign` (another \
         account's) or `failed`";
    audit_seconds: Histogram = "cloakroom_audit_write_duration" in Seconds,
        "How long it took to write a group of audit events to disk, failures included",
        made by Histogram::new(WRITE_SECONDS);
    audit_events: Histogram = "cloakroom_audit_group_size",
        "How many audit events were written at once",
        made by Histogram::new(GROUP_SIZES);
    audit_failures: Counter = "cloakroom_audit_write_failures",
        "Groups of audit events that could not be written; their calls were refused";
    rotations: Counts<Outcome> = "cloakroom_rotations",
        "Rotations of access keys: `proven`, `failed` (the pair before stays) or `left` (the gateway \
         stopped before the proof)";
    places_taken: Levels<Limit> = "cloakroom_places_taken",
        "How many places of a limit are taken now";
    places: Levels<Limit> = "cloakroom_places",
        "How many places a limit has";
    alarms: Counts<Alarm> = "cloakroom_alarms",
        "Alarms in the log, by kind";
    log_lines_dropped: Counter = "cloakroom_log_lines_dropped",
        "Log lines that were lost because standard error was not read fast enough, or was closed";
    ready: Level = "cloakroom_ready",
        "1 while `/readyz` says `ready`, asked at each scrape";
    doctor_success: Level = "cloakroom_doctor_last_success_timestamp" in Seconds,
        "When `serve --doctor` last proved isolation, as a Unix time; 0 if it has not since the start";
    file_failed: Levels<File> = "cloakroom_config_file_failed",
        "1 while a file of the configuration is invalid and its previous content stays in use";
    build: Levels<Build> = "cloakroom_build_info",
        "Always 1";
    runtime_tasks: Level = "cloakroom_runtime_tasks",
        "Tasks of the main runtime that are alive";
    runtime_queued: Level = "cloakroom_runtime_queued_tasks",
        "Tasks that wait in the main runtime's global queue";
    runtime_workers: Level = "cloakroom_runtime_workers",
        "Threads of the main runtime";
    cpu: FractionalCount = "process_cpu" in Seconds,
        "Processor time that the process used";
    resident_memory: Level = "process_resident_memory" in Bytes,
        "Resident memory";
    virtual_memory: Level = "process_virtual_memory" in Bytes,
        "Virtual memory";
    open_fds: Level = "process_open_fds",
        "Open file descriptors";
    max_fds: Level = "process_max_fds",
        "How many may be open; 0 is unlimited";
    threads: Level = "process_threads",
        "Threads of the process";
    start_time: Level = "process_start_time" in Seconds,
        "When the process started, as a Unix time";
}

fn http_seconds() -> Histogram {
    Histogram::new(HTTP_SECONDS)
}

//! The service's metrics for Prometheus
//! ([OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/)).

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of latencies, in seconds: from a cache hit to the longest wait for a login.
const SECONDS: [f64; 12] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// Counters, latencies and gauges.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latencies: Family<RouteLabels, Histogram>,
    logins: Family<NameLabel, Counter>,
    refreshes: Family<NameLabel, Counter>,
    marked_generations: Family<NameLabel, Counter>,
    exchanges: Counter,
    task_panics: Family<NameLabel, Counter>,
    events: Family<NameLabel, Counter>,
    outbox: Family<NameLabel, Counter>,
    claims_left_out: Family<NameLabel, Counter>,
    claims_hook_calls: Family<NameLabel, Counter>,
    claims_hook_seconds: Histogram,
    database_connections: Family<NameLabel, Gauge>,
    keys: Family<KeyLabels, Gauge>,
    gauges: Gauges,
}

/// Gauges without labels.
#[derive(Default)]
struct Gauges {
    hashes_under_way: Gauge,
    foreign_hashes: Gauge,
    denied: Gauge,
    feed_readers: Gauge,
    refreshes_waiting: Gauge,
    sqlite_log_pages: Gauge,
}

/// The current values of the gauges.
#[derive(Debug, Default)]
pub struct Present {
    /// Password hashes that are running or waiting.
    pub hashes_under_way: usize,
    /// Refreshes that wait for the next batch.
    pub refreshes_waiting: usize,
    /// Denials in force.
    pub denied: usize,
    /// Readers of the feed that wait for news.
    pub feed_readers: usize,
    /// Pages in SQLite's log, as of the last look.
    pub sqlite_log_pages: i64,
    /// Database connections in use.
    pub busy_connections: u32,
    /// Database connections that are open and free.
    pub idle_connections: u32,
    /// Each key's algorithm, state, name and age in seconds.
    pub keys: Vec<(&'static str, &'static str, String, i64)>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    method: String,
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct NameLabel {
    name: Name,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KeyLabels {
    alg: Name,
    state: Name,
    kid: String,
}

/// A label's value that is known when the service is built.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
struct Name(&'static str);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.encode(encoder)
    }
}

impl Gauges {
    fn registered(registry: &mut Registry) -> Self {
        let gauges = Self::default();
        for (name, help, gauge) in [
            ("password_hashes_under_way", "Password hashes that are running or waiting", &gauges.hashes_under_way),
            (
                "foreign_password_hashes",
                "Accounts with a hash of another system, five minutes ago",
                &gauges.foreign_hashes,
            ),
            ("refreshes_waiting", "Refreshes that wait for the next batch", &gauges.refreshes_waiting),
            ("denylist_entries", "Denials in force, as known to this instance", &gauges.denied),
            ("denylist_readers", "Readers of the denylist's feed that wait for news", &gauges.feed_readers),
            ("sqlite_log_pages", "Pages of 4 KiB in SQLite's file -wal", &gauges.sqlite_log_pages),
        ] {
            registry.register(name, help, gauge.clone());
        }
        gauges
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("tokensmith");
        let requests = Family::default();
        registry.register("http_requests", "Requests by route and status", requests.clone());
        let latencies = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        let help = "Time from the head of a request to the head of its response";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, latencies.clone());
        let logins = Family::default();
        registry.register("logins", "Logins by outcome", logins.clone());
        let refreshes = Family::default();
        registry.register("refreshes", "Refreshes by verdict", refreshes.clone());
        let marked_generations = Family::default();
        let help = "Generations by the mark that a late retry gave them: shared, or strange from another context";
        registry.register("marked_generations", help, marked_generations.clone());
        let exchanges = Counter::default();
        registry.register("api_token_exchanges", "API tokens that were exchanged", exchanges.clone());
        let task_panics = Family::default();
        registry.register("task_panics", "Panics of the service's own threads by task", task_panics.clone());
        let events = Family::default();
        registry.register("security_events", "Events of the audit log by name", events.clone());
        let outbox = Family::default();
        let help = "Mails: sent, failed (to be tried again), refused by the mail server or given_up; full and unwritten: not even stored";
        registry.register("outbox_messages", help, outbox.clone());
        let claims_left_out = Family::default();
        let help = "Tokens and responses without their custom claims, which are too large, by place";
        registry.register("custom_claims_left_out", help, claims_left_out.clone());
        let claims_hook_calls = Family::default();
        let help = "Questions to the hook for claims: answered or failed; busy and resting ones were not sent";
        registry.register("claims_hook_calls", help, claims_hook_calls.clone());
        let claims_hook_seconds = Histogram::new(SECONDS);
        let help = "Time that the hook for claims took";
        registry.register_with_unit("claims_hook_duration", help, Unit::Seconds, claims_hook_seconds.clone());
        let database_connections = Family::default();
        let help = "Database connections: busy or idle";
        registry.register("database_connections", help, database_connections.clone());
        let keys = Family::default();
        registry.register_with_unit("signing_key_age", "Age of each signing key", Unit::Seconds, keys.clone());
        let gauges = Gauges::registered(&mut registry);
        Self {
            registry,
            requests,
            latencies,
            logins,
            refreshes,
            marked_generations,
            exchanges,
            task_panics,
            events,
            outbox,
            claims_left_out,
            claims_hook_calls,
            claims_hook_seconds,
            database_connections,
            keys,
            gauges,
        }
    }
}

impl Metrics {
    /// Counts a response.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let (method, route) = (method.to_owned(), route.to_owned());
        let labels = RouteLabels { method: method.clone(), route: route.clone() };
        self.latencies.get_or_create(&labels).observe(took.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { method, route, status }).inc();
    }

    /// Counts a login.
    pub(crate) fn login(&self, outcome: &'static str) {
        self.logins.get_or_create(&NameLabel { name: Name(outcome) }).inc();
    }

    /// Counts a refresh.
    pub(crate) fn refresh(&self, verdict: &'static str) {
        self.refreshes.get_or_create(&NameLabel { name: Name(verdict) }).inc();
    }

    /// Counts a generation that got a mark.
    pub(crate) fn marked_generation(&self, mark: &'static str) {
        self.marked_generations.get_or_create(&NameLabel { name: Name(mark) }).inc();
    }

    /// Counts an exchange of an API token.
    pub(crate) fn exchange(&self) {
        self.exchanges.inc();
    }

    /// Counts a panic of a task.
    pub fn task_panicked(&self, task: &'static str) {
        self.task_panics.get_or_create(&NameLabel { name: Name(task) }).inc();
    }

    /// How often a task has panicked.
    #[cfg(test)]
    pub(crate) fn count_panics(&self, task: &'static str) -> u64 {
        self.task_panics.get_or_create(&NameLabel { name: Name(task) }).get()
    }

    /// Counts an event of the audit log.
    pub(crate) fn event(&self, name: &'static str) {
        self.events.get_or_create(&NameLabel { name: Name(name) }).inc();
    }

    /// Counts the outcome of a message in the outbox.
    pub(crate) fn outbox(&self, outcome: &'static str) {
        self.outbox.get_or_create(&NameLabel { name: Name(outcome) }).inc();
    }

    /// Counts a token or a response whose custom claims are too large.
    pub(crate) fn left_out(&self, place: &'static str) {
        self.claims_left_out.get_or_create(&NameLabel { name: Name(place) }).inc();
    }

    /// Counts a question to the hook for claims; `took` is none if it was not sent.
    pub(crate) fn claims_hook(&self, outcome: &'static str, took: Option<Duration>) {
        self.claims_hook_calls.get_or_create(&NameLabel { name: Name(outcome) }).inc();
        if let Some(took) = took {
            self.claims_hook_seconds.observe(took.as_secs_f64());
        }
    }

    /// Notes how many accounts have a password hash of another system.
    pub(crate) fn foreign_hashes(&self, accounts: i64) {
        self.gauges.foreign_hashes.set(accounts);
    }

    /// Everything in Prometheus's text format.
    pub fn encode(&self, present: Present) -> Result<String, fmt::Error> {
        let set = |gauge: &Gauge, value: usize| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.gauges.hashes_under_way, present.hashes_under_way);
        set(&self.gauges.refreshes_waiting, present.refreshes_waiting);
        set(&self.gauges.denied, present.denied);
        set(&self.gauges.feed_readers, present.feed_readers);
        self.gauges.sqlite_log_pages.set(present.sqlite_log_pages);
        for (name, count) in [("busy", present.busy_connections), ("idle", present.idle_connections)] {
            self.database_connections.get_or_create(&NameLabel { name: Name(name) }).set(count.into());
        }
        self.keys.clear();
        for (alg, state, kid, age) in present.keys {
            self.keys.get_or_create(&KeyLabels { alg: Name(alg), state: Name(state), kid }).set(age);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

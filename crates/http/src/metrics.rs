//! Figures for the operator, in the format of Prometheus.

use http::{Method, StatusCode};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

type Seconds = Family<Route, Histogram, fn() -> Histogram>;
type Gather = Box<dyn Fn() + Send + Sync>;

/// Everything that is counted in this process. Cloning shares it.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    answered: Family<Answered, Counter>,
    seconds: Seconds,
    registry: Mutex<Registry>,
    gathers: Mutex<Vec<Gather>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("ficha");
        let answered = Family::default();
        let seconds: Seconds = Family::new_with_constructor(buckets);
        registry.register("http_requests", "Requests answered", answered.clone());
        registry.register(
            "http_request_seconds",
            "Time from a request's head to its answer",
            seconds.clone(),
        );
        Self(Arc::new(Inner { answered, seconds, registry: Mutex::new(registry), gathers: Mutex::default() }))
    }
}

fn buckets() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0])
}

/// A client may make methods up, without end and out of anything: they are not to become labels or lines of the log.
pub(crate) fn known(method: &Method) -> &str {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    if known.contains(method) { method.as_str() } else { "other" }
}

impl Metrics {
    /// A figure that is read when somebody looks: `read` gives its value.
    pub fn gauge(&self, name: &str, help: &str, read: impl Fn() -> i64 + Send + Sync + 'static) {
        let gauge: Gauge = Gauge::default();
        self.0.registry.lock().unwrap_or_else(PoisonError::into_inner).register(name, help, gauge.clone());
        let gather: Gather = Box::new(move || {
            gauge.set(read());
        });
        self.0.gathers.lock().unwrap_or_else(PoisonError::into_inner).push(gather);
    }

    /// All figures as text.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.gathers.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|gather| gather());
        let mut rendered = String::new();
        // Writing into a String does not fail.
        let _ = text::encode(&mut rendered, &self.0.registry.lock().unwrap_or_else(PoisonError::into_inner));
        rendered
    }

    pub(crate) fn count(&self, method: &Method, route: &str, status: StatusCode, elapsed: Duration) {
        let (method, route) = (known(method).to_owned(), route.to_owned());
        let answered = Answered { method, route: route.clone(), status: status.as_u16() };
        self.0.answered.get_or_create(&answered).inc();
        self.0.seconds.get_or_create(&Route { route }).observe(elapsed.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_counts_and_gauges() {
        let metrics = Metrics::default();
        metrics.gauge("spool_records", "Records in the spool", || 7);
        metrics.count(&Method::GET, "/divida/{cpf}", StatusCode::OK, Duration::from_millis(2));
        let text = metrics.render();
        assert!(text.contains("ficha_spool_records 7"), "{text}");
        assert!(
            text.contains(r#"ficha_http_requests_total{method="GET",route="/divida/{cpf}",status="200"} 1"#),
            "{text}"
        );
    }
}

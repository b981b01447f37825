//! Figures for the operator, beside those of the shell.

use ficha_evidence::{EvidenceService, Figures, Gate};
use ficha_http::Metrics;
use ficha_remote::RemoteIssuer;
use std::sync::Arc;

/// Of the record, and of an issuer that is elsewhere.
pub fn of(evidence: Option<&Arc<EvidenceService>>, issuer: Option<&Arc<RemoteIssuer>>) -> Metrics {
    let metrics = Metrics::default();
    if let Some(evidence) = evidence {
        record(&metrics, evidence);
    }
    if let Some(issuer) = issuer.cloned() {
        let help = "Seconds since the issuer told its keys and revocations; -1 before it did";
        metrics.gauge("issuer_age_seconds", help, move || issuer.age().map_or(-1, |age| age.as_secs()));
    }
    metrics
}

/// An answer that cannot be recorded does not leave.
fn record(metrics: &Metrics, evidence: &Arc<EvidenceService>) {
    let figure = |name, help, read: fn(Figures) -> u64| {
        let evidence = evidence.clone();
        metrics.gauge(name, help, move || i64::try_from(read(evidence.figures())).unwrap_or(i64::MAX));
    };
    figure("spool_backlog_records", "Consultations that wait to be moved to the store", |at| {
        at.backlog_records
    });
    figure("spool_backlog_bytes", "What they take of the spool's bound", |at| at.backlog_bytes);
    figure("spool_max_bytes", "The spool's bound; beyond it nothing is answered", |at| at.max_bytes);
    figure("spool_records", "Consultations recorded since the start", |at| at.records);
    figure("spool_syncs", "Syncs of the disk that recorded them", |at| at.syncs);
    figure("spool_moves_failed", "Attempts to move records to the store that failed", |at| at.moves_failed);
    figure("spool_alarms", "Records that somebody has to look at; see the log", |at| at.alarms);
    if evidence.oldest_spool_s().is_some() {
        let help = "Seconds since all that was asked until then was moved by every process; one that is dead holds it \
                    back until its spool is shipped; -1 before the store has told";
        let evidence = evidence.clone();
        metrics.gauge("evidence_oldest_spool_seconds", help, move || evidence.oldest_spool_s().unwrap_or(-1));
    }
    figure("spool_gate_open", "1 while answers may leave", |at| u64::from(at.gate == Gate::Open));
}

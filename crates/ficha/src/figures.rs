//! Figures for the operator, beside those of the shell.

use ficha_domain::World;
use ficha_events::{Index, IndexFigures};
use ficha_evidence::{EvidenceService, Figures, Gate};
use ficha_http::Metrics;
use ficha_remote::RemoteIssuer;
use std::sync::Arc;

/// Of the record, of an issuer that is elsewhere, and of the index.
pub fn of(
    evidence: Option<&Arc<EvidenceService>>,
    issuer: Option<&Arc<RemoteIssuer>>,
    index: Option<&Arc<Index>>,
    world: &World,
) -> Metrics {
    let metrics = Metrics::default();
    if let Some(evidence) = evidence {
        record(&metrics, evidence);
    }
    if let Some(issuer) = issuer.cloned() {
        let help = "Seconds since the issuer told its keys and revocations; -1 before it did";
        metrics.gauge("issuer_age_seconds", help, move || issuer.age().map_or(-1, |age| age.as_secs()));
    }
    if let Some(index) = index {
        search(&metrics, index, world);
    }
    metrics
}

/// Without the index answers say less; nothing is refused.
fn search(metrics: &Metrics, index: &Arc<Index>, world: &World) {
    let (of, world) = (index.clone(), world.clone());
    let help = "Seconds by which the index of movements is behind, as last seen; -1 before it was seen";
    metrics.gauge("search_behind_seconds", help, move || match of.figures().position_ms() {
        0 => -1,
        position => (world.now().as_millisecond() - position).max(0) / 1000,
    });
    let figure = |name, help, read: fn(&IndexFigures) -> u64| {
        let index = index.clone();
        metrics.gauge(name, help, move || i64::try_from(read(index.figures())).unwrap_or(i64::MAX));
    };
    figure("search_written", "Documents that this process brought to the index", IndexFigures::written);
    let help = "Questions that the store answered for the index";
    figure("search_store_answered", help, IndexFigures::store_answered);
    figure("search_rebuilds", "How often this process made the index anew", IndexFigures::rebuilds);
    figure("search_rebuild_done", "Movements in the index that is being made anew; 0 while none is", |at| {
        at.rebuilding().0
    });
    figure("search_rebuild_total", "Movements that are to come into it", |at| at.rebuilding().1);
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

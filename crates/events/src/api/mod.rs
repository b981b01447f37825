//! The routes of base C.

mod extract;
mod lately;
mod query;
mod transactions;

use crate::Events;
use axum::extract::FromRef;
use ficha_http::Shell;
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What the handlers share.
#[derive(Clone, FromRef)]
pub struct EventsApi {
    events: Arc<Events>,
    shell: Shell,
}

/// All routes of base C, with their state.
pub fn routes(service: Arc<Events>, shell: Shell) -> OpenApiRouter {
    OpenApiRouter::default()
        .routes(routes!(lately::find_events))
        .routes(routes!(lately::list_movements))
        .routes(routes!(lately::total_movements))
        .routes(routes!(lately::find_last_purchase))
        .routes(routes!(transactions::add_transaction, transactions::replace_transaction))
        .routes(routes!(transactions::list_transactions, transactions::remove_transaction))
        .routes(routes!(transactions::list_last_purchases))
        .routes(routes!(transactions::list_consultations))
        .with_state(EventsApi { events: service, shell })
}

#[cfg(test)]
mod tests;

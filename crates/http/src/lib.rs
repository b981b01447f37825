//! The shell every role is served in: who asks, why, how much; what is answered, recorded, logged, counted.
//!
//! # To add a route
//! ```text
//! /// One sentence: it is the operation's summary in `/docs`.
//! #[utoipa::path(get, path = "/divida/{cpf}", tag = "debts", params(PathCpf),
//!     responses((status = 200, body = DebtsAnswer)), security(("oauth2" = ["debts:read"])))]
//! async fn find_person(reader: Reader<scope::DebtsRead>, PathCpf(cpf): PathCpf, State(debts): State<Arc<Debts>>)
//!     -> Result<Response, Refused> {
//!     let found = debts.find(cpf)?;                       // the service does the work
//!     reader.answer(cpf, BaseName::Debts, found).await    // recorded before the first byte leaves
//! }
//! ```
//! and `.routes(routes!(find_person))` in the role's router. Three rules follow from the types:
//! - [`Access`] or [`Reader`] comes **first** in the arguments, so that a caller without rights learns nothing else.
//! - Bytes about a person leave only through [`Reader`], which records the consultation; to another process of the
//!   same installation through `ficha-remote`, and there through that one's [`Reader`].
//! - Errors are [`ficha_contract::Problem`]s; their cause goes to the log, never into an answer.
//!
//! Parameters, errors and the purpose header that all routes share are added to the OpenAPI document by [`document`].

mod access;
mod connection;
mod docs;
mod extract;
mod layer;
mod limit;
mod metrics;
mod openapi;
mod reader;
mod refused;
mod seed_list;
mod serve;
mod shell;
mod tls;

pub use access::{Access, RequiredScope, scope};
pub use docs::docs;
pub use extract::{Body, Conditional, PathCpf, QueryParams, path_id};
pub use layer::{RequestId, around};
pub use limit::{Limits, Rate};
pub use metrics::Metrics;
pub use openapi::{amount, document, requiring, signed_amount};
pub use reader::{Answer, Asker, Reader, reply};
pub use refused::{ProblemBody, Refused};
pub use seed_list::{AskedList, Is, ListRules, SeedList};
pub use serve::{Listening, Ready, serve, wrap};
pub use shell::Shell;
pub use tls::{Renewed, ServerTls, TlsError, TlsFiles, provider, server_tls, unusable};

//! OpenSearch as ficha uses it: JSON over HTTP, and of that only what OpenSearch 2 and 3 and Elasticsearch 8 understand
//! alike.
//!
//! # To ask something new
//! [`Search::ask`] with a method, a path and a body, and how long it may take. Look the request up in the documents of
//! both products first. Writes go through [`Search::bulk`].
//!
//! # Promises
//! - A write has a version that grows with what happened, and loses to a newer one: repeated or late, it changes nothing.
//! - An index that is not there is not made by a write to it: writes name the index's own alias ([`Search::create`]),
//!   and are refused where that is gone.
//! - What a write has answered is on the node's disk.
//! - A node that hangs or is away costs each caller at most his time limit, and then nothing: see `gate`.
//! - No error repeats what a document holds, nor a password.

mod bulk;
mod error;
mod gate;
mod search;
mod settings;

pub use bulk::{Taken, Write};
pub use error::Error;
pub use reqwest::Method;
pub use search::Search;
pub use settings::Settings;

#[cfg(test)]
mod tests;

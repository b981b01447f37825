//! The words everybody uses. No I/O, no framework, nothing that asks the machine for time or chance.
//!
//! # To add a word
//! One file per word; parse it at the edge (`parse` says which field is wrong and how to mend it), carry the
//! parsed type from there on. Anything that identifies a person hides itself in `Debug`.

mod civil;
mod cpf;
mod money;
mod movement;
mod object_id;
mod purpose;
mod scope;
mod world;

pub use civil::{DateError, parse_instant};
pub use cpf::{Cpf, CpfError, CpfValidation};
pub use money::{Money, MoneyError};
pub use movement::{MovementKind, PaymentType};
pub use object_id::ObjectId;
pub use purpose::Purpose;
pub use scope::{Scope, ScopeSet, UnknownScope};
pub use world::{Clock, MovedClock, Random, SeededRandom, World};

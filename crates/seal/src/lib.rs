//! What makes a CPF unreadable at rest: keys, sealed bodies, blind indexes.

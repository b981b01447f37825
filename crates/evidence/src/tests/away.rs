//! The store on PostgreSQL goes away, and comes back.

mod postgres;

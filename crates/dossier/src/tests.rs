//! The whole room, asked through its routes.

mod asking;
mod composing;
mod hiding;
mod keeping;
mod kit;
mod listing;
mod seed;

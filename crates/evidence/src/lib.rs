//! Who saw what, when and why: durable before the answer leaves, kept once.

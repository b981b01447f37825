//! Who may ask: clients, keys, tokens (OAuth 2.0, RFC 6749 and family).

//! How the rooms know each other: service traits, wire types, the closed list of error codes.

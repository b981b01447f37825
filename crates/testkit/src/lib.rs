//! What tests of every room need: a moved clock, temporary folders, a whole application in a process.

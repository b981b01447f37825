//! SQLite as ficha uses it: one writer with grouped commits, a reader per thread, migrations.

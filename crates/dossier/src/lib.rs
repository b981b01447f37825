//! The answer about a CPF, composed from the three bases inside one budget.

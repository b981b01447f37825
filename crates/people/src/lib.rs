//! One versioned document per person: the store under debts and score.

//! Sequences that once found a fault, as short as they could be made.

//! Randomness, passed in like time.

use std::sync::Arc;

/// Draws 32 bytes at each call. In production nobody can guess them; a test may.
pub type Random = Arc<dyn Fn() -> [u8; 32] + Send + Sync>;

//! The test's files, where they look for each other.

#[path = "../../tests/it/common/forged.rs"]
pub mod forged;
#[path = "../../tests/it/common/kinds.rs"]
pub mod kinds;

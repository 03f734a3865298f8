//! What every room may use and what knows none of them: files, locks, seeds, numbers as text.

pub mod argument;
pub(crate) mod atomic_file;
pub(crate) mod bar;
pub(crate) mod csv;
pub(crate) mod defaults;
pub(crate) mod file_lock;
pub mod hex;
mod lease;
pub(crate) mod npy;
pub(crate) mod panics;
pub(crate) mod parallel;
pub mod python_number;
pub(crate) mod random;
pub(crate) mod shell;
pub(crate) mod similar;
pub mod stderr;
pub(crate) mod table;
pub(crate) mod tensor;

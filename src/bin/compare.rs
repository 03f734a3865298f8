//! Compares runs in a table, and draws their learning curves.

use std::process::ExitCode;

use clap::Parser;
use dytb::commands::{Compare, exit};

fn main() -> ExitCode {
    exit(Compare::parse().run())
}

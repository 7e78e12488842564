//! Arguments to runtime, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    guildsync::cli::main(std::env::args_os(), &std::env::vars().collect())
}

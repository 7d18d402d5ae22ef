//! The `chatwarden` command: arguments, call, exit code.

use std::process::ExitCode;

/// Chosen by measurement: benches/allocator.md.
#[cfg(not(feature = "system-allocator"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    chatwarden::cli::main()
}

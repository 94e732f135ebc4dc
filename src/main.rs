//! The `tokensmith` command.

use std::process::ExitCode;

/// Takes less of the processor than the allocator of the C library. SQLite, libpq and the cryptography get their memory from
/// it, too.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tokensmith::run()
}

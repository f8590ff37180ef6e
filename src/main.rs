//! The binary: arguments and standard streams go in, an exit code comes out.

use std::io::{BufWriter, stderr, stdout};
use std::process::ExitCode;

use lifespan::cli::{Terminal, run};
use mimalloc::MiMalloc;

/// Each change makes and drops a few dozen small things, and a burst is over soon: this one does both in
/// less time than those of glibc and musl, and gives back what is free.
#[global_allocator]
static HEAP: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // Neither is locked for longer than a write takes: all threads log.
    run(std::env::args_os(), &Terminal::detect(), &mut BufWriter::new(stdout()), &mut stderr())
}

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
    let mut out = BufWriter::new(stdout().lock());
    let mut err = stderr().lock();
    run(std::env::args_os(), &Terminal::detect(), &mut out, &mut err)
}

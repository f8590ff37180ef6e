//! The binary: arguments and standard streams go in, an exit code comes out.

use std::io::{BufWriter, stderr, stdout};
use std::process::ExitCode;

use lifespan::cli::{Terminal, run};

fn main() -> ExitCode {
    let mut out = BufWriter::new(stdout().lock());
    let mut err = stderr().lock();
    run(std::env::args_os(), &Terminal::detect(), &mut out, &mut err)
}

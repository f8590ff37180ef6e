//! Whatever bytes come as protobuf, cutting and reading them neither panics nor holds more than an
//! object, and what is cut does not depend on how it arrived.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "body/protobuf.rs"]
mod body;

fuzz_target!(|bytes: &[u8]| body::read(bytes));

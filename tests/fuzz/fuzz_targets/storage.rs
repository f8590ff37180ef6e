//! Whatever bytes stand where a store should, one is opened: what can be read of them is there, what is
//! stored afterwards stays, and nothing panics.
#![no_main]

#[path = "../../it/support/disk.rs"]
#[allow(dead_code, reason = "tests do more with it")]
mod disk;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| disk::serves(bytes));

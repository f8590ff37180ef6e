//! Whatever bytes a cluster or a recording sends, reading them neither panics nor hangs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lifespan::kinds::{note, snapshot};
use lifespan::lifecycle::lane::Lane;

/// How long a refusal may be, whatever it is about.
const REFUSAL_BYTES: usize = 1_024;

fuzz_target!(|bytes: &[u8]| {
    for lane in Lane::ALL {
        let refusal = match lane {
            Lane::Events => note(bytes).err(),
            Lane::Deployments | Lane::ReplicaSets | Lane::Pods => snapshot(lane, bytes).err(),
        };
        assert!(refusal.is_none_or(|refusal| refusal.to_string().len() < REFUSAL_BYTES));
    }
});

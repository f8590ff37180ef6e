//! Whatever lines a recording has, reading and replaying them neither panics nor hangs, and what
//! comes out are spans that are not negative.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lifespan::engine::{Engine, Settings};
use lifespan::kinds::{Catalog, note, snapshot};
use lifespan::facts::kind::Lane;
use lifespan::recording::Line;

/// How long a refusal may be, whatever it is about.
const REFUSAL_BYTES: usize = 1_024;

fuzz_target!(|bytes: &[u8]| {
    let catalog = Catalog::default();
    for lane in catalog.lanes() {
        let refusal = match lane {
            Lane::Events => note(&catalog, bytes).err(),
            _ => snapshot(&catalog, lane, bytes).err(),
        };
        assert!(refusal.is_none_or(|refusal| refusal.to_string().len() < REFUSAL_BYTES));
    }
    let custom_kinds = catalog.custom_kinds();
    let mut engine = Engine::new(Settings { custom_kinds, ..Settings::default() });
    let mut spans = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').take(200) {
        let Ok(line) = Line::parse(line) else { continue };
        if let Some((lane, heard)) = line.news(&catalog)
            && let Some(news) = heard.out
        {
            spans.extend(engine.hear(lane, news, line.at));
        }
        let open = engine.in_progress(line.at);
        assert!(open.iter().all(|span| span.start <= span.end));
    }
    spans.extend(engine.finish());
    assert!(spans.iter().all(|span| span.start <= span.end));
});

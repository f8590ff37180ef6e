//! The program with a storage whose disk fails it, or has damaged what stands on it.

use std::fs;

use crate::stored::{CONFIG, WITH_HEALTH, World, ends, spans_in, until_told};
use crate::support::arrived::Expected;
use crate::support::service::{READY, Service, folder};

/// Its head says where all else is.
#[tokio::test]
async fn a_damaged_store_is_set_aside_and_told_and_what_is_whole_in_it_is_sent() {
    let (mut world, expected) = World::killed().await;
    let store = world.store.join("lifespan.store");
    let mut bytes = fs::read(&store).unwrap();
    bytes.iter_mut().take(512).for_each(|byte| *byte = 0);
    fs::write(&store, bytes).unwrap();
    let mut service = world.start("");
    service.says("The storage cannot be used and is set aside", 1).await;
    service.says(READY, 1).await;
    world.to_collector.is_open.send_replace(true);
    world.has(&expected, &service).await;
    service.signal("TERM");
    assert_eq!(service.ended().await, Some(0), "{}", service.said());
    assert_eq!((spans_in(&world.store), world.arrived.n_again), (0, 0));
    let files = fs::read_dir(&world.store).unwrap().map(|it| it.unwrap().file_name());
    let names: Vec<_> = files.map(|name| name.into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.contains(".damaged-")), "{names:?}");
    fs::remove_dir_all(&world.store).unwrap();
}

#[tokio::test]
async fn a_disk_that_fails_to_write_through_is_told_and_loses_nothing() {
    let mut world = World::new().await;
    let expected = Expected::of(&world.lines);
    let fails = folder("fails").join("fails");
    let machine = [("SYNC_FAILS", &*fails)];
    let mut service = Service::start_on(world.configured(""), &world.api.url, CONFIG, &machine);
    world.queued(expected.n_spans()).await;
    fs::write(&fails, "").unwrap();
    world.to_collector.is_open.send_replace(true);
    service.says("it stands in a new file", 1).await;
    service.says("The storage takes again", 1).await;
    world.has(&expected, &service).await;
    ends(service, "TERM").await;
    assert_eq!((spans_in(&world.store), world.arrived.n_again), (0, 0));
    fs::remove_dir_all(&world.store).unwrap();
}

#[tokio::test]
async fn a_disk_that_hangs_is_told_and_does_not_keep_the_process_from_ending() {
    let mut world = World::new().await;
    let expected = Expected::of(&world.lines);
    let (at, health) = world.configured_with_health().await;
    let hangs = folder("hangs").join("hangs");
    let machine = [("SYNC_HANGS", &*hangs)];
    let mut service = Service::start_on(at, &world.api.url, WITH_HEALTH, &machine);
    world.queued(expected.n_spans()).await;
    fs::write(&hangs, "").unwrap();
    world.to_collector.is_open.send_replace(true);
    world.has(&expected, &service).await;
    service.says("The storage takes nothing; nothing is sent until it does", 1).await;
    let failing = until_told(&health, "StatusRecoverableError").await;
    assert!(failing.contains("a commit has taken longer than 10s"), "{failing}");
    service.signal("TERM");
    assert_eq!(service.ended().await, Some(0), "{}", service.said());
    assert!(service.said().contains("what was not stored yet is not"), "{}", service.said());
    // What it had delivered it could not let go of: it comes once more, in the same bytes.
    let mut service = world.start("");
    service.says(READY, 1).await;
    world.queue_is_empty().await;
    world.has(&expected, &service).await;
    ends(service, "TERM").await;
    assert_eq!(spans_in(&world.store), 0);
    fs::remove_dir_all(&world.store).unwrap();
}

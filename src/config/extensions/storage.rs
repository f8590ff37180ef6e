//! `file_storage`, and the keys `storage` that name it

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::component::Id;
use super::super::reader::Section;
pub(super) use crate::storage::Settings;

/// What is compacted when: never. Where that would be done is the same.
const COMPACTION: &str = "{on_start: false, on_rebound: false, directory: '*', cleanup_on_start: false, \
    max_transaction_size: 65536, rebound_needed_threshold_mib: 100, \
    rebound_trigger_threshold_mib: 10, check_interval: 5s}";

/// Reads the extension.
pub(super) fn read(s: &mut Section<'_>) -> Settings {
    let directory = s.text(
        "directory",
        "/var/lib/otelcol/file_storage",
        "Where the store is: one file, lifespan.store. Each process needs a directory of its own",
    );
    let create_directory =
        s.flag("create_directory", false, "Whether the directory is made if it is not there");
    let place = s.place_of("directory_permissions");
    let permissions = s.text(
        "directory_permissions",
        "0750",
        "Permissions of a directory that is made, in octal",
    );
    let directory_permissions = u32::from_str_radix(&permissions, 8).ok();
    let directory_permissions = directory_permissions.filter(|mode| *mode <= 0o777);
    if directory_permissions.is_none() {
        let problem = format!("is {permissions:?}: expected such as \"0750\"");
        s.fault_of("directory_permissions", &place, &problem);
    }
    let timeout =
        s.time("timeout", "1s", "How long another process that has the store is waited for");
    let fsync = s.flag(
        "fsync",
        true,
        "Whether each commit is written through to the disk, so that it outlasts a loss of power; the Collector's default is false",
    );
    let recreate = s.flag(
        "recreate",
        true,
        "Whether a damaged store is set aside, and its whole requests are sent; the Collector's default is false: then nothing starts with it",
    );
    s.unsupported_but("compaction", &[COMPACTION], "the file shrinks by itself");
    if directory.is_empty() {
        s.fault("directory must not be empty");
    }
    Settings {
        directory: PathBuf::from(directory),
        create_directory,
        directory_permissions: directory_permissions.unwrap_or(0o750),
        timeout,
        fsync,
        recreate,
    }
}

/// Reads the key `storage` of a component; whether it names one that is started.
pub(in crate::config) fn is_stored(
    s: &mut Section<'_>,
    storages: &BTreeMap<Id, Option<Settings>>,
    help: &'static str,
) -> bool {
    let place = s.place_of("storage");
    let name = s.text("storage", "", help);
    if name.is_empty() {
        return false;
    }
    let id = Id::parse(&name).ok();
    let problem = match id.as_ref().and_then(|id| storages.get(id)) {
        Some(Some(_)) => return true,
        Some(None) => format!("{name:?} is not started: name it in service::extensions"),
        None => {
            let names: Vec<_> = storages.keys().map(ToString::to_string).collect();
            let names =
                if names.is_empty() { String::new() } else { format!(", as {}", names.join(", ")) };
            format!("{name:?} is no extension for it: expected a configured file_storage{names}")
        }
    };
    s.fault_of("storage", &place, &problem);
    false
}

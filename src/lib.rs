//! lifespan turns every change of a Kubernetes object's spec into OpenTelemetry spans.
//!
//! This is the architecture document; `README.md` says what a trace and a span are.
//!
//! # Bird's-eye view
//!
//! A cluster is heard through *lanes*, one list and watch for each kind. What they say is cut down
//! to *snapshots*, put into the order in which it was written, and given to the *tree* it belongs
//! to: a topmost object and all it owns. A tree has at most one *transition* open, from the write
//! that caused it until it has settled. When a transition closes, its spans leave, complete and
//! immutable.
//!
//! ```text
//!  Kubernetes API ──▶ watch: one list and watch a kind ─┐
//!                     list_watch, json (pure)           ├▶ kinds: object → snapshot ─▶ inlet (pure):
//!  a recording ─────▶ recording: line by line ──────────┘  context: stamps on it       waits, orders
//!                     damage is told and passed over       (pure)                      by resourceVersion
//!                                                                                        │ engine
//!                                                                                        ▼
//!  terminal ◀── show (pure) ◀── traces ◀──────────────┬── store: root uid → Tree ── Tree::step, expire
//!  files, JSON ◀── otlp::json (pure) ◀─┐              │   (pure): transitions, phases, instants,
//!  OTLP ◀── export ◀───────────────────┴──────────────┘   parents, links, ids ─▶ finished spans
//! ```
//!
//! # Rooms
//!
//! From the ground up; a room names only those before it, and files of one room never name each
//! other in a circle.
//!
//! * [`facts`]: the ground, data only: time, ids, what is kept of objects, instants, spans.
//!   [`facts::kind`] is the one table of built-in kinds; their lanes come from it.
//! * [`clock`] and [`random`]: the one reader of the wall clock, the one place that draws.
//!   `seldom` has what happens often said now and then, `trust` proves servers over TLS.
//! * [`http_server`]: the one way to answer requests, of the pages and of the webhook.
//! * [`context`]: trace contexts on objects, read and written; pure. What controllers use is here, and
//!   it is all there is without the feature `binary`.
//! * [`order`]: in what order things are taken in: [`order::inlet`], and [`order::relist`], what a
//!   complete list proves gone.
//! * [`lifecycle`]: all decisions. A [`lifecycle::tree`] changes by a [`lifecycle::turn`] alone, and
//!   hands out what has ended as plain data ([`lifecycle::closed`]). [`lifecycle::meaning`] is the
//!   table of what a write means, [`lifecycle::settle`] when a workload has settled.
//! * [`kinds`]: an object in, as JSON or in protobuf, snapshot out; pure. Apart from the core because
//!   it knows Kubernetes' wire forms and because it is where malformed objects are refused, so that the core
//!   cannot fail. What a list or watch says is one [`kinds::Said`], live and recorded alike, and
//!   [`kinds::news`] what of it reaches the core. Custom resources are read by the rules of a
//!   [`kinds::Catalog`], which say in the words of `kubectl wait` when they have settled; the core
//!   hears only that verdict.
//! * [`manifest`]: trace contexts put into manifests, which else stay as they are; pure.
//! * [`spans`]: what has ended, told as spans: parents, links, phases, attributes.
//! * [`report`]: what a person is told on standard error.
//! * [`show`]: the waterfall; pure.
//! * [`sampling`]: which traces are kept; pure.
//! * [`origin`]: the span of a trace that begins with a stamp.
//! * [`otlp`]: finished spans to OTLP bytes and JSON, and what answers of a server mean; pure. The
//!   bytes are encoded once and resent as they are.
//! * [`traces`]: spans gathered into whole traces for a person, bounded too.
//! * [`store`]: all trees, and which tree an object belongs to; which of them are not at rest, and
//!   how many. The one file that names `DashMap`.
//! * [`engine`]: inlet, lists, store and trees behind one door, and what trees were a moment ago, so
//!   that what comes late is put in its place. Drives the core, reads no clock. What must outlast the
//!   process goes out as [`engine::records`], and comes back as an engine that goes on
//!   ([`engine::state`]).
//! * [`cluster`]: how a cluster is found, and the one way to ask its API server, with credentials
//!   that are renewed; the one room that names kube. [`cluster::discovery`] is what a server serves,
//!   [`cluster::refusal`] why it did not do as it was asked, both pure.
//! * [`watch`]: list and watch of a live cluster. [`watch::list_watch`] decides what is asked next,
//!   [`watch::json`] and [`watch::protobuf`] cut objects from the bytes, [`watch::listener`] says what becomes of them, all
//!   pure.
//! * [`recording`]: a recorded cluster as lanes; bounded memory, and every damage told by its place.
//!   What others write down (kubectl, the Collector, the API server's audit log) is read below
//!   `recording::import`, a reader for each format, and is the same from there on.
//! * [`storage`]: what outlasts the process, in one store: state and queues by one commit, all or
//!   nothing. The one room that names redb.
//! * [`export`]: exporters side by side, each with its queue, its wire and its books of what became
//!   of spans; the one way out, of the service and of commands alike.
//! * [`config`]: the Collector's grammar, from text to plain settings; pure.
//! * [`rbac`]: the permissions that a configuration needs; pure.
//! * [`admission`]: what an admission webhook answers, a review in and a patch out; pure. [`webhook`]
//!   is its socket, its certificate, and what it sends once an object is stored.
//! * [`telemetry`] and [`admin`]: logs, metrics and pages of this process. What they say is pure;
//!   [`admin::server`] answers on a thread of its own.
//! * [`app`]: lanes, core and exporters wired together, started and stopped in order;
//!   [`app::driver`] is the one task that steps the core, [`app::look`] what pages and probes are
//!   told beside it.
//! * [`cli`]: arguments, terminal and exit codes; wires the others and decides nothing else.
//!
//! # Rules
//!
//! Time is an argument: a change carries the time of its arrival, deadlines go out as data and come
//! back as the time to act. Identity is the uid, never a name. Transitions come from comparing
//! snapshots, not from the type of a watch event. Absence is a change of its own. Ids are derived
//! from uids and causes by a cryptographic hash, never drawn.
//!
//! # Invariants
//!
//! * **Invariant:** all rooms but those of the shell do no I/O, read no clock and name no library of
//!   the shell. (`tidy::all_rooms_are_pure_but_those_of_the_shell`)
//! * **Invariant:** a room names only rooms below it, and files of one room do not name each other in
//!   a circle. (`tidy::no_room_names_one_above_it`,
//!   `tidy::files_of_one_room_do_not_name_each_other_in_a_circle`)
//! * **Invariant:** however often lists are interrupted, no deletion is lost.
//!   (`relist::an_interrupted_list_loses_no_deletion`)
//! * **Invariant:** what a first list tells enters as it comes, and what is told of it is as if it had
//!   been held until all lists were in.
//!   (`lists::lists_that_enter_object_by_object_tell_what_those_tell_that_are_held`)
//! * **Invariant:** Pods and Events are read alike in protobuf and in JSON.
//!   (`protobuf::every_recorded_pod_and_event_is_the_same_in_both_encodings`)
//! * **Invariant:** a trace has exactly one root; children lie within their parents, `terminate
//!   Pod` excepted; no link points into its own trace; each span leaves once.
//!   (`properties::every_prefix_of_a_recording_gives_whole_traces`)
//! * **Invariant:** what is told is what happened.
//!   (`properties::histories_of_the_model_are_told_as_they_truly_happened`)
//! * **Invariant:** a lane that is late by less than `settle_time` changes nothing but times.
//!   (`properties::lanes_that_come_late_change_nothing_but_times`)
//! * **Invariant:** a lane that is late by less than `owner_wait` changes nothing but times of what
//!   has not left.
//!   (`properties::lanes_late_by_up_to_owner_wait_change_nothing_but_times_of_what_has_not_left`)
//! * **Invariant:** whoever was away, or stood still, decides as if they had been there.
//!   (`away::whoever_was_away_decides_as_if_they_had_been_there`,
//!   `away::a_process_that_was_stopped_decides_as_if_it_had_gone_on`)
//! * **Invariant:** of what leaves the selector of its watch nothing is told before it matches again.
//!   (`selectors::what_leaves_its_selector_and_matches_again_is_told_as_it_truly_happened`)
//! * **Invariant:** how far this machine's clock is off lies within what the API server's answers
//!   bound. (`offset::the_truth_lies_within_the_bounds`)
//! * **Invariant:** nothing is in or out of a transition because the times of two clocks were
//!   compared. (`clocks::a_node_whose_clock_is_off_changes_nothing_but_times`,
//!   `clocks::this_machines_clock_changes_nothing_but_times`)
//! * **Invariant:** what had begun lasts and times out at the same time, whatever the clock of the machine
//!   says that goes on with it.
//!   (`clocks::whoever_goes_on_by_another_clock_tells_the_same_at_the_same_time`,
//!   `clocks::what_goes_on_when_a_process_begins_times_out_by_the_servers_clock`)
//! * **Invariant:** whatever arrives in the inlet leaves it, in order, and no more wait than may.
//!   (`inlet::whatever_arrives_leaves_and_never_more_wait_than_may`)
//! * **Invariant:** ids depend on the object and the cause alone, and are never zero.
//!   (`ids::an_id_depends_on_each_of_its_parts_and_on_nothing_else`, `ids::zero_is_never_an_id`)
//! * **Invariant:** the estimate of a moment lies within its bounds.
//!   (`instant::the_estimate_always_lies_within_its_bounds`)
//! * **Invariant:** whatever an API server does on the way, what was written is heard once and in
//!   order. (`watch::a_watch_that_is_closed_or_breaks_in_the_middle_of_an_event_goes_on_where_it_was`,
//!   `watch::a_forgotten_version_means_a_list_and_no_false_transition`,
//!   `watch::what_is_told_twice_is_heard_once`)
//! * **Invariant:** a custom resource has neither settled nor failed by what its status says of an
//!   older spec. (`rules::nothing_holds_of_a_status_that_is_about_an_older_spec`)
//! * **Invariant:** a kind may be installed and removed while it is watched.
//!   (`watch::a_custom_resource_that_is_removed_ends_and_begins_anew_when_it_is_installed_again`)
//! * **Invariant:** through faults on both sides every span arrives, once or in the same bytes, and
//!   no other does.
//!   (`pipeline::through_faults_on_both_sides_every_span_arrives_and_none_is_another`)
//! * **Invariant:** resourceVersions that begin again are another history, told as if it were the
//!   first. (`driver::a_history_that_begins_again_is_told_as_if_it_were_the_first`)
//! * **Invariant:** each span that was handed to an exporter is in exactly one of its counts.
//!   (`delivery::the_books_balance_whatever_a_server_answers`)
//! * **Invariant:** nothing that has settled is lost when the process ends; what is open is counted,
//!   and never told as if it had ended.
//!   (`ends::at_the_end_holds_are_released_and_say_so_and_what_is_open_stays_open`)
//! * **Invariant:** a process that ends at any moment and another that goes on with what it had stored
//!   tell together what one would have told, and nothing twice.
//!   (`restarts::whoever_goes_on_with_what_was_stored_tells_what_one_would_have_told`,
//!   `restarts::whoever_goes_on_decides_again_what_another_had_decided`,
//!   `restarts::whoever_dies_between_two_commits_tells_nothing_twice_and_all_once`)
//! * **Invariant:** what is stored change by change is what would be stored at once.
//!   (`restarts::what_is_stored_change_by_change_is_what_is_stored_at_once`)
//! * **Invariant:** what is stored and cannot be read costs what it is of, and nothing is told falsely
//!   for it. (`restarts::what_cannot_be_read_is_dropped_and_told_anew_by_lists`)
//! * **Invariant:** a tree changes through one door, so that what follows from it is kept in step.
//!   (`tidy::a_tree_changes_through_one_door`)
//! * **Invariant:** what is counted of the Pods of a tree follows from them.
//!   (`pods::what_is_counted_follows_from_the_pods`)
//! * **Invariant:** the watch of a custom resource is known by its name and its rules, wherever it is
//!   configured. (`catalog::a_lane_is_of_a_resource_and_its_rules_wherever_that_stands`)
//! * **Invariant:** what is counted as open is what is shown as open.
//!   (`ends::what_is_counted_as_open_is_what_is_shown_as_open`)
//! * **Invariant:** what watches, sends and tells decides without I/O, clock or async.
//!   (`tidy::all_rooms_are_pure_but_those_of_the_shell`)
//! * **Invariant:** what is deployed may read what is watched and nothing else.
//!   (`deploy::what_may_be_read_is_what_is_watched_and_nothing_else`)
//! * **Invariant:** no secret of a configuration is shown. (`config::secrets_are_never_shown`)
//! * **Invariant:** a manifest that is stamped says what it said before, and its text stays.
//!   (`manifest::whatever_else_an_object_says_it_says_afterwards`,
//!   `manifest::comments_order_and_formatting_of_all_else_stay`,
//!   `manifest::whatever_form_a_manifest_has_nothing_changes_but_the_stamp`)
//! * **Invariant:** what is written as a trace context is read as the same.
//!   (`context::what_is_extracted_is_what_was_injected`)
//! * **Invariant:** no trace context is written that nobody could read, and no object grows over what
//!   the API server takes. (`write::whatever_stood_there_it_can_be_read_and_stored_afterwards`,
//!   `admission::whatever_its_annotations_an_object_is_as_valid_as_it_was`,
//!   `write::what_is_written_is_read_by_everyone_and_what_is_read_is_level_2`)
//! * **Invariant:** a controller that applies the same again writes nothing.
//!   (`applied::a_controller_that_owns_what_it_applies_is_quiet_after_one_reconcile`)
//! * **Invariant:** no value of an environment variable is kept or told.
//!   (`kinds::env_is_read_for_trace_contexts_and_else_only_hashed`,
//!   `kinds::a_refusal_never_shows_the_value_of_an_env_variable`)
//! * **Invariant:** cutting spans into requests loses none and keeps their order.
//!   (`batch::nothing_is_lost_order_is_kept_and_sizes_add_up`)
//! * **Invariant:** in whatever form an hour of a cluster was written down, the same is told of it.
//!   (`import::an_audit_log_gives_the_spans_of_the_recording`,
//!   `import::a_log_of_the_k8s_objects_receiver_gives_the_spans_of_the_recording`,
//!   `import::what_kubectl_printed_gives_the_traces_of_the_recording`)
//! * **Invariant:** what is written to a pipe depends on the recording and the arguments alone.
//!   (`cli::what_is_piped_is_the_same_whatever_the_environment_says`)
//! * **Invariant:** nothing in a recording can steer the terminal it is shown on.
//!   (`show::names_that_steer_a_terminal_or_never_end_do_no_harm`)
//! * **Invariant:** this list names tests that exist.
//!   (`tidy::every_invariant_names_tests_that_exist`)

#[cfg(feature = "binary")]
pub mod admin;
#[cfg(feature = "binary")]
pub mod admission;
#[cfg(feature = "binary")]
pub mod app;
#[cfg(feature = "binary")]
pub mod cli;
#[cfg(feature = "binary")]
pub mod clock;
#[cfg(feature = "binary")]
pub mod cluster;
#[cfg(feature = "binary")]
pub mod config;
pub mod context;
#[cfg(feature = "binary")]
pub mod engine;
#[cfg(feature = "binary")]
pub mod export;
#[cfg(feature = "binary")]
pub mod facts;
#[cfg(feature = "binary")]
pub mod http_server;
#[cfg(feature = "binary")]
pub mod kinds;
#[cfg(feature = "binary")]
pub mod lifecycle;
#[cfg(feature = "binary")]
pub mod manifest;
#[cfg(feature = "binary")]
pub mod order;
#[cfg(feature = "binary")]
pub mod origin;
#[cfg(feature = "binary")]
pub mod otlp;
#[cfg(feature = "binary")]
pub mod random;
#[cfg(feature = "binary")]
pub mod rbac;
#[cfg(feature = "binary")]
pub mod recording;
#[cfg(feature = "binary")]
pub mod report;
#[cfg(feature = "binary")]
pub mod sampling;
#[cfg(feature = "binary")]
pub(crate) mod seldom;
#[cfg(feature = "binary")]
pub mod show;
#[cfg(feature = "binary")]
pub mod spans;
#[cfg(feature = "binary")]
pub mod storage;
#[cfg(feature = "binary")]
pub mod store;
#[cfg(feature = "binary")]
pub mod telemetry;
#[cfg(feature = "binary")]
pub(crate) mod text;
#[cfg(feature = "binary")]
pub mod traces;
#[cfg(feature = "binary")]
pub(crate) mod trust;
#[cfg(feature = "binary")]
pub mod watch;
#[cfg(feature = "binary")]
pub mod webhook;

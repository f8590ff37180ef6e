//! Whoever reads what the program says or puts out has stopped: that holds up nothing else.

use std::fs;
use std::time::Duration;

use tokio::time::sleep;

use crate::support::fake_api::{FakeApi, Manner};
use crate::support::fake_collector::FakeCollector;
use crate::support::lines;
use crate::support::model::S;
use crate::support::moved::moved_to;
use crate::support::service::{Service, folder};

#[tokio::test]
async fn pipes_that_nobody_reads_hold_up_neither_what_is_sent_nor_the_end() {
    let lines = moved_to(&lines::recording("02-rolling-update"), lifespan::clock::now().0 - 60 * S);
    for is_shown_to_nobody in [false, true] {
        let api = FakeApi::start(&lines, Manner::WATCH_LIST, &[]).await;
        let mut collector = FakeCollector::start([]).await;
        let at = folder("unread");
        let address = &collector.address;
        let text = format!(
            "receivers: {{k8s_lifecycle: {{auth_type: kubeConfig}}}}\n\
             exporters: {{debug: {{verbosity: detailed}}, otlp_grpc: {{endpoint: '{address}', tls: {{insecure: true}}}}}}\n\
             service:\n  telemetry: {{metrics: {{level: none}}, logs: {{level: debug}}}}\n  \
             pipelines: {{traces: {{receivers: [k8s_lifecycle], exporters: [debug, otlp_grpc]}}}}\n"
        );
        fs::write(at.join("c.yaml"), text).unwrap();
        let arguments = ["--config", "c.yaml"];
        let (mut service, _pipes) =
            Service::start_unread(at, &api.url, &arguments, is_shown_to_nobody);
        assert!(collector.next().await.n_spans() > 0);
        service.signal("TERM");
        if is_shown_to_nobody {
            // What waits for a reader is waited for, but not by whoever is told twice.
            sleep(Duration::from_millis(500)).await;
            service.signal("TERM");
        }
        assert_eq!(service.ended().await, Some(i32::from(is_shown_to_nobody)));
    }
}

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let client = Client::try_default().await.expect("a kubeconfig");
    let (store, writer) = reflector::store::<Pod>();
    let stream = watcher(Api::all(client), watcher::Config::default()).default_backoff();
    let mut stream = std::pin::pin!(reflector(writer, stream));
    let mut n = 0_u64;
    while let Some(event) = stream.next().await {
        n += u64::from(event.is_ok());
    }
    println!("{n} {}", store.len());
}

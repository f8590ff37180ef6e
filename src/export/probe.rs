//! Whether anybody listens where an exporter sends to: asked at its start, before there is anything to
//! send, and after it gave up, when nothing may be sent for long. What is under way tells it else.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::sleep;

use super::error::Failure;
use super::intake::Account;
use super::server::Server;
use crate::otlp::backoff::Backoff;
use crate::random::jitter;

/// It is not asked more often than this, whatever is configured for requests.
const SOONEST: Duration = Duration::from_millis(20);

/// It is asked as often as this.
const LATEST: Duration = Duration::from_secs(30);

/// Asks whenever nothing else would tell, with delays as between the attempts of a request, and keeps
/// the account of it.
pub(super) async fn probe(account: Account, server: Server, backoff: Backoff) -> Infallible {
    loop {
        let mut n_failed = 0;
        let mut said = None;
        while let Err(status) = server.reach().await {
            let failure = Failure::new(&status, server.wire()).to_string();
            lost(&account, &failure);
            said = Some(failure);
            n_failed += 1;
            sleep(wait(&backoff, n_failed)).await;
        }
        found(&account, said.as_ref());
        account.until(|books| books.is_away).await;
        sleep(wait(&backoff, 1)).await;
    }
}

fn wait(backoff: &Backoff, n_failed: u32) -> Duration {
    let delay = backoff.delay(n_failed, jitter(), Duration::ZERO, None);
    delay.unwrap_or(LATEST).clamp(SOONEST, LATEST)
}

/// Nobody listens there; that is said once.
fn lost(account: &Account, failure: &str) {
    let mut is_news = false;
    account.write(|books| {
        is_news = !std::mem::replace(&mut books.is_away, true);
        books.last_error.get_or_insert_with(|| failure.to_owned());
    });
    if is_news {
        tracing::warn!(
            otelcol.component.id = account.id(),
            otelcol.component.kind = "exporter",
            otelcol.signal = "traces",
            error = failure,
            "The endpoint does not answer"
        );
    }
}

/// Somebody listens there. What `said` that nobody did is no news any more; what was dropped is.
fn found(account: &Account, said: Option<&String>) {
    let mut is_news = false;
    account.write(|books| {
        is_news = std::mem::take(&mut books.is_away);
        if !books.is_failing() && said.is_some_and(|it| books.last_error.as_ref() == Some(it)) {
            books.last_error = None;
        }
    });
    if is_news {
        tracing::info!(
            otelcol.component.id = account.id(),
            otelcol.component.kind = "exporter",
            otelcol.signal = "traces",
            "The endpoint answers"
        );
    }
}

//! The way to a running service.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

/// How often a call is tried that the service had no room or time for.
const TRIES: u32 = 6;
/// How long is waited before the second try; doubled before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Connects to a service named as `http://HOST:PORT` or `HOST:PORT`.
///
/// # Errors
/// When the name is no address, or nobody answers there.
pub async fn connect(endpoint: &str) -> anyhow::Result<Channel> {
    if endpoint.starts_with("https://") {
        bail!(
            "endpoint {endpoint:?} asks for TLS, which is not there yet, expected http://HOST:PORT"
        );
    }
    let address = if endpoint.contains("://") {
        endpoint.to_owned()
    } else {
        format!("http://{endpoint}")
    };
    let known = Endpoint::from_shared(address).with_context(|| {
        format!("endpoint {endpoint:?} is no address, expected http://HOST:PORT")
    })?;
    known.connect().await.with_context(|| {
        format!(
            "no service answers at {endpoint}; start one with `promobandit serve`, or name another"
        )
    })
}

/// What a service said when it refused, in one line.
#[must_use]
pub fn refusal(status: &Status) -> anyhow::Error {
    anyhow::anyhow!(
        "the service refused with {:?}: {}",
        status.code(),
        status.message()
    )
}

/// Tries a call again, which its ids make safe, while the service has no room
/// or time for it.
///
/// # Errors
/// When the service refuses for good, or still after the last try.
pub async fn patiently<T, F>(mut call: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let mut wait = FIRST_WAIT;
    let mut tries = 1;
    loop {
        match call().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if tries < TRIES && is_passing(status.code()) => {
                tokio::time::sleep(wait).await;
                wait *= 2;
                tries += 1;
            }
            Err(status) => return Err(refusal(&status)),
        }
    }
}

const fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::ResourceExhausted | Code::DeadlineExceeded | Code::Unavailable
    )
}

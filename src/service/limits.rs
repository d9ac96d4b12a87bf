//! The bounds of a call: how many are under way, and for how long each may be.
//!
//! tonic gives up a call at its caller's `grpc-timeout` by itself, but answers
//! CANCELLED. This layer stands inside of that and answers DEADLINE_EXCEEDED at
//! the same instant or before.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tower::{Layer, Service};

use super::status::Refusal;

/// Calls that may last as long as their caller wants: only the caller's own
/// deadline ends them.
const UNBOUNDED: [&str; 2] = [
    "/promobandit.v1.RewardService/StreamRewards",
    "/promobandit.v1.LedgerService/ReportLift",
];

/// Calls that are let in however many are under way: whoever watches over the
/// service must see it while it is busy.
const UNCOUNTED: &str = "/grpc.health.";

/// How many calls may be under way, and for how long.
#[derive(Debug, Clone)]
pub(super) struct CallLimits {
    under_way: Arc<UnderWay>,
    most_calls: usize,
    longest: Duration,
}

/// The calls under way.
#[derive(Debug, Default)]
struct UnderWay {
    calls: AtomicUsize,
    /// Told when the last call has ended.
    none_left: Notify,
}

impl CallLimits {
    pub fn new(most_calls: usize, longest: Duration) -> Self {
        Self {
            under_way: Arc::default(),
            most_calls,
            longest,
        }
    }

    /// Waits until no call is under way.
    pub async fn all_ended(&self) {
        loop {
            let none_left = self.under_way.none_left.notified();
            if self.under_way.calls.load(Ordering::SeqCst) == 0 {
                return;
            }
            none_left.await;
        }
    }

    /// A place among the calls, unless all are taken.
    fn place(&self) -> Result<Place, Refusal> {
        let place = Place(self.under_way.clone());
        let before = self.under_way.calls.fetch_add(1, Ordering::SeqCst);
        if before >= self.most_calls {
            return Err(Refusal::too_many_calls(self.most_calls));
        }
        Ok(place)
    }

    /// How long the call may take; `None` for as long as it likes.
    fn time_allowed(&self, path: &str, headers: &HeaderMap) -> Option<Duration> {
        let asked = headers
            .get("grpc-timeout")
            .and_then(|value| timeout_of(value.to_str().ok()?));
        let longest = (!UNBOUNDED.contains(&path)).then_some(self.longest);
        asked.into_iter().chain(longest).min()
    }
}

/// A call's place, given back when the call ends in whatever way.
#[derive(Debug)]
struct Place(Arc<UnderWay>);

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.calls.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.none_left.notify_waiters();
        }
    }
}

/// A `grpc-timeout`: at most eight digits and a unit.
fn timeout_of(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        'H' => Some(Duration::from_secs(count * 3_600)),
        'M' => Some(Duration::from_secs(count * 60)),
        'S' => Some(Duration::from_secs(count)),
        'm' => Some(Duration::from_millis(count)),
        'u' => Some(Duration::from_micros(count)),
        'n' => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

impl<S> Layer<S> for CallLimits {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited {
            inner,
            limits: self.clone(),
        }
    }
}

/// A service whose calls are bounded.
#[derive(Debug, Clone)]
pub(super) struct Limited<S> {
    inner: S,
    limits: CallLimits,
}

impl<S> Service<Request<Body>> for Limited<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = LimitedCall<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let place = if path.starts_with(UNCOUNTED) {
            Ok(None)
        } else {
            self.limits.place().map(Some)
        };
        let place = match place {
            Ok(place) => place,
            Err(refusal) => return LimitedCall::refused(refusal),
        };
        let allowed = self.limits.time_allowed(path, request.headers());
        LimitedCall {
            call: Some(self.inner.call(request)),
            deadline: allowed.map(|allowed| Deadline {
                at: Instant::now() + allowed,
                allowed,
            }),
            sleep: None,
            refusal: None,
            _place: place,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Deadline {
    at: Instant,
    allowed: Duration,
}

pin_project! {
    /// A call under way.
    pub(super) struct LimitedCall<F> {
        #[pin]
        call: Option<F>,
        deadline: Option<Deadline>,
        // Set only once the call has to wait.
        #[pin]
        sleep: Option<Sleep>,
        refusal: Option<Refusal>,
        _place: Option<Place>,
    }
}

impl<F> LimitedCall<F> {
    fn refused(refusal: Refusal) -> Self {
        Self {
            call: None,
            deadline: None,
            sleep: None,
            refusal: Some(refusal),
            _place: None,
        }
    }
}

fn answer(refusal: Refusal) -> Poll<Result<Response<Body>, Infallible>> {
    Poll::Ready(Ok(Status::from(refusal).into_http()))
}

impl<F> Future for LimitedCall<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(refusal) = this.refusal.take() {
            return answer(refusal);
        }
        if let Some(call) = this.call.as_pin_mut()
            && let Poll::Ready(answered) = call.poll(context)
        {
            return Poll::Ready(answered);
        }
        let Some(deadline) = *this.deadline else {
            return Poll::Pending;
        };
        if this.sleep.is_none() {
            this.sleep.set(Some(sleep_until(deadline.at)));
        }
        let timer = this
            .sleep
            .as_pin_mut()
            .map_or(Poll::Pending, |sleep| sleep.poll(context));
        // tonic's timer, which is set a moment later, may wake this call before
        // its own timer does. It polls what it wraps first, so that the clock
        // decides which answer leaves.
        if timer.is_ready() || Instant::now() >= deadline.at {
            return answer(Refusal::deadline_exceeded(deadline.allowed));
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        for (text, expected) in [
            ("3H", Some(Duration::from_secs(10_800))),
            ("1M", Some(Duration::from_secs(60))),
            ("42S", Some(Duration::from_secs(42))),
            ("13m", Some(Duration::from_millis(13))),
            ("2u", Some(Duration::from_micros(2))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("123456789S", None),
            ("S", None),
            ("", None),
            ("+1S", None),
            ("1秒", None),
            ("1", None),
        ] {
            assert_eq!(timeout_of(text), expected, "{text:?}");
        }
    }
}

//! Independent jobs on all threads, their results taken in the order of the
//! jobs: what is made of them does not depend on the number of threads.

#[cfg(feature = "offline")]
use std::collections::BTreeMap;
#[cfg(feature = "offline")]
use std::sync::Mutex;
#[cfg(feature = "offline")]
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Does the jobs from 0 to `jobs` - 1 on rayon's current thread pool, beginning
/// them in their order, and gives each result to `take` in that order, as soon
/// as those before it were taken. A job that answers `None` is given up, and no
/// other is begun. Few results wait at a time: no more than finish while one
/// job lasts.
#[cfg(feature = "offline")]
pub(super) fn in_order<T: Send>(
    jobs: usize,
    work: &(impl Fn(usize) -> Option<T> + Sync),
    take: impl FnMut(T) + Send,
) {
    struct Results<T, F> {
        waiting: BTreeMap<usize, T>,
        taken: usize,
        take: F,
    }
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    // Held only while results are taken.
    let results = Mutex::new(Results {
        waiting: BTreeMap::new(),
        taken: 0,
        take,
    });
    rayon::broadcast(|_| {
        while !stopped.load(Ordering::Relaxed) {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= jobs {
                break;
            }
            let Some(result) = work(job) else {
                stopped.store(true, Ordering::Relaxed);
                break;
            };
            let mut results = results.lock().expect("nobody panicked while taking");
            let results = &mut *results;
            results.waiting.insert(job, result);
            while let Some(result) = results.waiting.remove(&results.taken) {
                (results.take)(result);
                results.taken += 1;
            }
        }
    });
}

/// The same on this thread, for want of a thread pool.
#[cfg(not(feature = "offline"))]
pub(super) fn in_order<T: Send>(
    jobs: usize,
    work: &(impl Fn(usize) -> Option<T> + Sync),
    take: impl FnMut(T) + Send,
) {
    (0..jobs).map_while(work).for_each(take);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_taken_in_order_until_one_is_given_up() {
        let taken = |stop_at: usize| {
            let mut taken = Vec::new();
            in_order(1_000, &|job| (job != stop_at).then_some(job), |job| {
                taken.push(job)
            });
            taken
        };
        assert_eq!(taken(usize::MAX), (0..1_000).collect::<Vec<_>>());
        let some = taken(600);
        assert_eq!(some, (0..600).collect::<Vec<_>>());
    }
}

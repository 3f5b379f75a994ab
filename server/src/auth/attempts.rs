//! Attempts to get in that failed. Each is answered later than the one before it from the same address, and the log
//! tells how many there were. Whoever shows something valid is never held up: clients behind one proxy have one
//! address, and the wrong one among them must not stop the others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// The delay after the first failure; it doubles up to the last.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LAST_DELAY: Duration = Duration::from_secs(5);
/// An address is forgotten after so long without a failure.
const MEMORY: Duration = Duration::from_secs(300);
/// Addresses that are remembered; then the one that has been quiet for longest is forgotten.
const MOST_ADDRESSES: usize = 4_096;
/// Answers that are held back at a time. Each has a stream of its client's; more of them are answered at once.
const MOST_WAITING: usize = 1_024;

/// The failures of all addresses.
#[derive(Debug)]
pub(super) struct Attempts {
    failures: Mutex<HashMap<IpAddr, Failures>>,
    waiting: Semaphore,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Attempts {
    pub(super) fn new() -> Self {
        Self { failures: Mutex::default(), waiting: Semaphore::new(MOST_WAITING) }
    }

    /// Counts a failure and waits for as long as its answer has to.
    pub(super) async fn failed(&self, from: Option<IpAddr>) {
        let address = network(from.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        let count = self.count(address, Instant::now());
        // One line for 1, 2, 4, 8, ... failures, so that nobody can fill the log.
        if count.is_power_of_two() {
            tracing::warn!(%address, attempts = count, "refused: credentials that are not valid");
        }
        if let Ok(_place) = self.waiting.try_acquire() {
            tokio::time::sleep(delay(count)).await;
        }
    }

    /// How many failures the address has had, this one included.
    fn count(&self, address: IpAddr, now: Instant) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST_ADDRESSES && !failures.contains_key(&address) {
            failures.retain(|_, failed| now.duration_since(failed.last) < MEMORY);
            if failures.len() >= MOST_ADDRESSES
                && let Some(quietest) = failures.iter().min_by_key(|(_, failed)| failed.last).map(|(of, _)| *of)
            {
                failures.remove(&quietest);
            }
        }
        let failed = failures.entry(address).or_insert(Failures { count: 0, last: now });
        if now.duration_since(failed.last) >= MEMORY {
            failed.count = 0;
        }
        *failed = Failures { count: failed.count.saturating_add(1), last: now };
        failed.count
    }
}

fn delay(count: u32) -> Duration {
    let doublings = count.saturating_sub(1).min(u32::BITS - 1);
    FIRST_DELAY.saturating_mul(1 << doublings).min(LAST_DELAY)
}

/// The address, or the network that one customer of a provider has under IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn the_delay_grows_and_is_forgotten() {
        let (attempts, start) = (Attempts::new(), Instant::now());
        let delays: Vec<_> = (0..10).map(|_| delay(attempts.count(ADDRESS, start))).collect();
        assert_eq!(delays[..3], [50, 100, 200].map(Duration::from_millis));
        assert_eq!(delays[7..], [LAST_DELAY; 3]);
        assert_eq!(attempts.count("192.0.2.1".parse().unwrap(), start), 1);
        assert_eq!(attempts.count(ADDRESS, start + MEMORY / 2), 11);
        assert_eq!(attempts.count(ADDRESS, start + MEMORY * 2), 1);
    }

    #[tokio::test]
    async fn addresses_do_not_wait_for_each_other() {
        let attempts = Attempts::new();
        let start = Instant::now();
        for _ in 0..20 {
            attempts.count(ADDRESS, start);
        }
        attempts.failed(Some("192.0.2.1".parse().unwrap())).await;
        let elapsed = start.elapsed();
        assert!(elapsed >= FIRST_DELAY && elapsed < LAST_DELAY, "{elapsed:?}");
    }

    #[test]
    fn the_table_is_bounded() {
        let (attempts, start) = (Attempts::new(), Instant::now());
        let address = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(number));
        let last = MOST_ADDRESSES as u32 + 100;
        for number in 0..=last {
            attempts.count(address(number), start + Duration::from_millis(number.into()));
        }
        let failures = attempts.failures.lock().unwrap();
        assert_eq!(failures.len(), MOST_ADDRESSES);
        assert!(failures.contains_key(&address(last)) && !failures.contains_key(&address(0)));
    }

    #[test]
    fn one_customer_is_one_address() {
        let [one, other] = ["2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6"].map(|text| network(text.parse().unwrap()));
        assert_eq!(one, other);
        assert_ne!(one, network("2001:db8:1:3::1".parse().unwrap()));
        assert_eq!(network("::ffff:127.0.0.1".parse().unwrap()), ADDRESS);
        assert!(delay(u32::MAX) == LAST_DELAY && delay(0) == FIRST_DELAY);
    }
}

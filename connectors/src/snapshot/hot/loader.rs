//! The thread that loads columns, one file at a time, after queries have read them and never while one waits
//! for it. It also gives memory back when the server runs short of it, and writes the summary.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use datafusion::common::{Result, exec_err};
use object_store::ObjectStore;
use tokio::runtime::Runtime;

use super::column::HotColumn;
use super::ledger::Candidate;
use super::stored_file::Footer;
use super::{HotTier, Settings};

/// How often the memory that is left is looked at.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// How long nothing is loaded after memory was short.
const PAUSE: Duration = Duration::from_secs(60);
/// How long a file that could not be loaded is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(300);
/// How often the summary is written.
const SUMMARY_PERIOD: Duration = Duration::from_secs(300);

/// What the thread works with.
pub(super) struct Loader {
    /// Weak, so that a store that is dropped ends the thread.
    tier: Weak<HotTier>,
    store: Arc<dyn ObjectStore>,
    settings: Settings,
    /// Waiting for files; their decoding runs on this thread.
    runtime: Runtime,
    paused_until: Instant,
    summary_at: Instant,
}

impl Loader {
    pub(super) fn new(tier: &Arc<HotTier>, store: Arc<dyn ObjectStore>, settings: Settings) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let now = Instant::now();
        let tier = Arc::downgrade(tier);
        Ok(Self { tier, store, settings, runtime, paused_until: now, summary_at: now + SUMMARY_PERIOD })
    }

    /// Works until the tier is gone. A message wakes it.
    pub(super) fn run(mut self, wake: &Receiver<()>) {
        loop {
            match wake.recv_timeout(LOOK_PERIOD) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let Some(tier) = self.tier.upgrade() else { return };
            while self.has_memory(&tier) && self.load_next(&tier) {}
            if Instant::now() >= self.summary_at {
                self.summary_at = Instant::now() + SUMMARY_PERIOD;
                tier.write_summary();
            }
        }
    }

    /// Whether there is memory to load something. Where it is short, half of what is held is given back, and
    /// half of the rest the next time.
    fn has_memory(&mut self, tier: &HotTier) -> bool {
        let now = Instant::now();
        if (self.settings.memory_is_short)() {
            self.paused_until = now + PAUSE;
            tier.give_back_half(now);
        }
        now >= self.paused_until
    }

    /// Loads the columns that are worth it most. False when there are none.
    fn load_next(&self, tier: &HotTier) -> bool {
        let Some(candidate) = tier.ledger().next(Instant::now()) else { return false };
        if let Err(error) = self.runtime.block_on(self.load(tier, &candidate)) {
            tracing::debug!(path = %candidate.path, %error, "columns are not kept in memory");
            tier.ledger().postpone(&candidate, Instant::now() + RETRY_AFTER);
        }
        !tier.is_stopping()
    }

    async fn load(&self, tier: &HotTier, candidate: &Candidate) -> Result<()> {
        let store = Arc::clone(&self.store);
        let footer = Footer::read(store, &candidate.path, candidate.file_bytes, &candidate.schema).await?;
        if candidate.needed_bytes.is_none() {
            let estimates = candidate.columns.iter().map(|column| (column.clone(), footer.estimate(column)));
            tier.ledger().set_bytes(&candidate.path, estimates);
            // Whether there is room for it, or something else comes first, is another question now.
            return Ok(());
        }
        let Some(reserved) = tier.ledger().reserve(candidate, Instant::now()) else {
            return exec_err!("there is no room any longer");
        };
        let loaded = load_columns(&footer, candidate, reserved).await;
        let mut ledger = tier.ledger();
        match loaded {
            Ok(Loaded::All(columns)) => ledger.hold(&candidate.path, columns, reserved),
            Ok(Loaded::TooLarge(bytes)) => {
                ledger.release(reserved);
                ledger.set_bytes(&candidate.path, bytes);
            }
            Err(error) => {
                ledger.release(reserved);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// How the loading of columns has ended.
enum Loaded {
    All(Vec<(String, HotColumn)>),
    /// They take more than was estimated; what is known now of their sizes.
    TooLarge(Vec<(String, u64)>),
}

async fn load_columns(footer: &Footer, candidate: &Candidate, reserved: u64) -> Result<Loaded> {
    let mut loaded: Vec<(String, HotColumn)> = vec![];
    let mut left = reserved;
    for name in &candidate.columns {
        let Some(column) = footer.load(name, left).await? else {
            // Grows every time, until it is enough or more than there can be.
            let more = 2 * left.max(footer.estimate(name));
            let sizes = loaded.into_iter().map(|(name, column)| (name, column.bytes())).chain([(name.clone(), more)]);
            return Ok(Loaded::TooLarge(sizes.collect()));
        };
        left -= column.bytes();
        loaded.push((name.clone(), column));
    }
    Ok(Loaded::All(loaded))
}

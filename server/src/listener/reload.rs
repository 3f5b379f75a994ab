//! Certificates that change while the server runs. The files are glanced at every few seconds, and read at once on
//! SIGHUP. New ones are for connections from then on; those that stand keep theirs. Files that cannot be used change
//! nothing, and the log says what is wrong with them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::certificates;
use crate::failure::Failure;
use crate::file_stamp::FileStamp;
use crate::settings::TlsFiles;

/// How often the files are looked at.
const GLANCE: Duration = Duration::from_secs(2);

/// Looks after the certificates.
pub(super) struct Reload {
    files: TlsFiles,
    /// The files that were last read, whether they could be used or not.
    read: Stamp,
    current: watch::Sender<Arc<ServerConfig>>,
    asked: Signal,
}

/// What has to be there before the files are read.
pub(super) struct Prepared {
    read: Stamp,
    asked: Signal,
}

/// How the files are: changed files differ in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(Vec<Result<FileStamp, io::ErrorKind>>);

impl Reload {
    /// Notes how the files are, before they are read: what changes while they are read is then seen as a change.
    ///
    /// # Errors
    /// When the signal cannot be waited for.
    pub(super) fn prepare(files: &TlsFiles) -> Result<Prepared, Failure> {
        let asked =
            signal(SignalKind::hangup()).map_err(|error| Failure::work(format!("cannot wait for signals: {error}")))?;
        Ok(Prepared { read: Stamp::of(files), asked })
    }

    /// Reads changed files, until nobody has a receiver any longer.
    pub(super) async fn follow(mut self) {
        let mut seen = self.read.clone();
        loop {
            let is_asked = tokio::select! {
                () = tokio::time::sleep(GLANCE) => false,
                Some(()) = self.asked.recv() => true,
                () = self.current.closed() => return,
            };
            let files = self.files.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || Stamp::of(&files)).await else { continue };
            // Certificate and key are two files. A change is taken up once it has lasted for a glance, so that a new
            // certificate is not read with the old key.
            let has_settled = now == seen && now != self.read;
            seen = now;
            if is_asked || has_settled {
                self.read = seen.clone();
                self.load().await;
            }
        }
    }

    async fn load(&self) {
        let files = self.files.clone();
        match tokio::task::spawn_blocking(move || certificates::load(&files)).await {
            Ok(Ok(config)) => {
                self.current.send_replace(config);
                tracing::info!("new connections get the new TLS certificate");
            }
            Ok(Err(error)) => tracing::error!(%error, "the new TLS certificate cannot be used; the old one stays"),
            Err(error) => tracing::error!(%error, "the TLS certificate could not be read; the old one stays"),
        }
    }
}

impl Prepared {
    /// Goes on with what has been read.
    pub(super) fn with(
        self,
        files: TlsFiles,
        config: Arc<ServerConfig>,
    ) -> (Reload, watch::Receiver<Arc<ServerConfig>>) {
        let (current, receiver) = watch::channel(config);
        (Reload { files, read: self.read, current, asked: self.asked }, receiver)
    }
}

impl Stamp {
    fn of(files: &TlsFiles) -> Self {
        Self(files.all().map(FileStamp::now).collect())
    }
}

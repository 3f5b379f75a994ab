//! `rail-forge serve`: opens the data folder, starts the engine, the listeners and the refreshes, and stops
//! them in order.

mod listeners;

use std::convert::Infallible;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use rail_forge_connectors::{HotTierSettings, Opened, SnapshotStore};
use rail_forge_planner::{Engine, Limits};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

use self::listeners::Listeners;
use crate::auth::{AuthError, Gate, IdentityProviders, SigningKey, TokenFile};
use crate::authorisation::Misfits;
use crate::drain::Drain;
use crate::failure::Failure;
use crate::listener::Listener;
use crate::metrics::{Exposition, Metrics};
use crate::readiness::Readiness;
use crate::refresher::Refresher;
use crate::settings::{Authentication, Listening, Settings};
use crate::spill::SpillFolder;
use crate::{allocator, flight, http, memory};

/// How long connections may take to send what was answered and to close, once no call runs any more.
const CLOSING: Duration = Duration::from_secs(5);
/// How long when the time for running calls is over: for telling their clients why they have ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often versions are looked through for some that need not be kept any longer. That is a glance.
const GARBAGE_PERIOD: Duration = Duration::from_secs(5);
/// Queries that take a larger share of their memory leave none for columns that are only kept to be fast: what
/// they allocate without counting it grows with what they count.
const QUERIES_SHARE: f64 = 0.9;
/// The file in the data folder that says which columns are used most.
const HOT_SUMMARY: &str = "hot.json";

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When the data folder or an address cannot be used, or a listener fails.
pub async fn serve(settings: Settings) -> Result<(), Failure> {
    let (data_dir, retention) = (settings.data_dir.clone(), settings.retention);
    let Opened { store, damaged } = tokio::task::spawn_blocking(move || SnapshotStore::open(&data_dir, retention))
        .await
        .map_err(|error| Failure::work(error.to_string()))?
        .map_err(|error| Failure::work(error.to_string()))?;
    for error in &damaged {
        tracing::error!("{error}; an older snapshot is served if there is one");
    }
    let store = Arc::new(store);
    let key = signing_key(&settings.authentication)?;
    let gate = Arc::new(gate(&settings.authentication, &settings.listening, key.clone())?);
    let spill = SpillFolder::create(&settings.limits.spill_dir)?;
    let limits = Limits { spill_dir: spill.path().to_owned(), ..settings.limits };
    let engine = Engine::new(Arc::clone(&store), &settings.sources, &limits)
        .map_err(|error| Failure::work(error.to_string()))?;
    let queries = engine.memory_share();
    let hot_tier = HotTierSettings {
        budget_bytes: settings.cache_bytes,
        summary: settings.data_dir.folder().map(|folder| folder.join(HOT_SUMMARY)),
        memory_is_short: Box::new(move || queries() > QUERIES_SHARE || memory::is_short()),
    };
    store.start_hot_tier(hot_tier).map_err(|error| Failure::work(format!("cannot start threads: {error}")))?;
    for source in &settings.sources {
        tracing::info!(source = source.name(), location = source.location(), "serving");
    }
    let garbage = tokio::spawn(collect_garbage(Arc::clone(&store)));
    let kept_memory = tokio::spawn(allocator::give_back());
    let metrics = Arc::new(Metrics::default());
    let misfits = Misfits::of(&settings.roles);
    let refresher = Arc::new(Refresher::new(settings.sources, Arc::clone(&store), Arc::clone(&metrics), misfits));
    let drain = Drain::new();
    let readiness = Readiness::new(Arc::clone(&refresher), drain.clone());
    let exposition =
        settings.metrics.then(|| Exposition::new(&metrics, engine.clone(), Arc::clone(&refresher), readiness.clone()));

    let listener = Listener::bind(&settings.listening).await?;
    let http_listener = listen(settings.http_listen).await?;
    let mut addresses = json!({
        "flight": listener.url()?,
        "http": format!("http://{}", local_address(&http_listener)?),
    });
    if let Some(url) = listener.unix_url() {
        addresses["unix"] = url.into();
    }
    let (stop, stopped) = watch::channel(false);
    let wait = |mut stopped: watch::Receiver<bool>| async move {
        // A sender that is gone means to stop as well.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let service = flight::Service::new(engine, Arc::clone(&refresher), key, settings.roles, Arc::clone(&metrics))
        .with_stored_queries(settings.stored_queries)
        .with_sessions(settings.sessions);
    let flight =
        flight::serve(service, gate, readiness.clone(), metrics, listener.connections(), wait(stopped.clone()));
    let http = http::serve(readiness, exposition, http_listener, wait(stopped));
    let mut listeners = Listeners::default();
    listeners.start("Flight (setting listen)", flight.map(Ok::<(), Infallible>));
    listeners.start("HTTP (setting http_listen)", http.map(Ok::<(), Infallible>));
    let initial = settings.initial_refresh;
    let refreshes = tokio::spawn(async move { refresher.run(initial).await });
    // Before anybody is told that the server is there, and may tell it to stop.
    let mut signals = Signals::new()?;
    if let Some(path) = &settings.ready_file {
        write_ready_file(path, &addresses.to_string())?;
    }
    tracing::info!(
        flight = %addresses["flight"],
        unix = addresses["unix"].as_str(),
        http = %addresses["http"],
        "listening"
    );

    let failed = tokio::select! {
        () = signals.next() => None,
        failure = listeners.failed() => Some(failure),
    };
    if let Some(failure) = &failed {
        tracing::error!("{failure}");
    }
    let until = Instant::now() + settings.drain_timeout;
    drain.begin();
    tracing::info!(seconds = settings.drain_timeout.as_secs_f64(), "stopping; running calls may finish");
    refreshes.abort();
    garbage.abort();
    kept_memory.abort();
    let closing = tokio::select! {
        () = drain.idle() => Some(until.saturating_duration_since(Instant::now()).clamp(LAST_WORDS, CLOSING)),
        () = tokio::time::sleep_until(until) => Some(LAST_WORDS),
        () = signals.next() => None,
    };
    let calls = drain.running();
    drain.finish();
    stop.send_replace(true);
    store.stop_hot_tier();
    if let Some(closing) = closing {
        tokio::select! {
            () = listeners.close(closing) => {}
            () = signals.next() => {}
        }
    }
    if calls > 0 {
        tracing::warn!(calls, "stopped; some calls were still running");
    } else {
        tracing::info!("stopped");
    }
    if let Some(path) = &settings.ready_file {
        // Whoever waits for the file must not find that of a server that has gone; if it is gone already, good.
        let _ = std::fs::remove_file(path);
    }
    failed.map_or(Ok(()), Err)
}

/// The key of logins and handles. The data folder is locked by now, so that no other server makes one beside it.
fn signing_key(settings: &Authentication) -> Result<SigningKey, AuthError> {
    match &settings.signing_key_file {
        Some(path) => SigningKey::open(path),
        None => {
            tracing::info!("logins and open statements end with this server; signing_key_file keeps and shares them");
            SigningKey::random()
        }
    }
}

/// Who is let in.
fn gate(settings: &Authentication, listening: &Listening, key: SigningKey) -> Result<Gate, AuthError> {
    let Some(path) = &settings.token_file else {
        tracing::warn!("authentication is off: whoever reaches the port of Flight reads all tables");
        return Ok(Gate::open(key));
    };
    if listening.is_exposed() {
        tracing::warn!(
            listen = %listening.address,
            "tokens and results cross the network as they are: set tls_certificate and tls_key, or leave this address \
             to a proxy that has TLS"
        );
    }
    let providers = IdentityProviders::start(settings.issuers.clone())?;
    let gate = Gate::guarded(TokenFile::new(path.clone()), key)?.with_identity_providers(providers);
    if gate.is_shut() && !listening.knows_clients() {
        let path = path.display();
        tracing::warn!(
            "there is no API token yet, so that every call is refused; create one with: \
             rail-forge token create NAME --token-file {path}"
        );
    }
    Ok(gate)
}

async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| Failure::work(format!("cannot listen on {address}: {error}")))
}

fn local_address(listener: &TcpListener) -> Result<std::net::SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::work(error.to_string()))
}

/// Removes replaced versions when nothing is refreshed that would do it.
async fn collect_garbage(store: Arc<SnapshotStore>) {
    loop {
        tokio::time::sleep(GARBAGE_PERIOD).await;
        let store = Arc::clone(&store);
        if let Err(error) = tokio::task::spawn_blocking(move || store.collect_garbage()).await {
            tracing::warn!(%error, "old snapshots could not be looked through");
        }
    }
}

/// Writes the file so that whoever sees it sees all of it.
fn write_ready_file(path: &Path, text: &str) -> Result<(), Failure> {
    let partial = path.with_extension("partial");
    std::fs::File::create(&partial)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|error| Failure::work(format!("cannot write the ready file {}: {error}", path.display())))
}

/// The signals that end the server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let of_kind = |kind| signal(kind).map_err(|error| Failure::work(format!("cannot wait for signals: {error}")));
        Ok(Self { terminate: of_kind(SignalKind::terminate())?, interrupt: of_kind(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

//! `rail-forge serve`: opens the data folder, starts the engine, the listeners and the refreshes, and stops
//! them in order.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rail_forge_connectors::{HotTierSettings, Opened, SnapshotStore};
use rail_forge_planner::{Engine, Limits};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::failure::Failure;
use crate::refresher::Refresher;
use crate::settings::Settings;
use crate::spill::SpillFolder;
use crate::{flight, http, memory};

/// How long running calls may take to finish after a signal to stop.
const DRAIN: Duration = Duration::from_secs(10);
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
/// When the data folder or an address cannot be used.
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
    let spill = SpillFolder::create(&settings.limits.spill_dir)?;
    let limits = Limits { spill_dir: spill.path().to_owned(), ..settings.limits };
    let default_catalog = settings.sources.first().map(|source| source.name()).unwrap_or_default();
    let engine = Engine::new(Arc::clone(&store), &settings.sources, &limits, default_catalog)
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
    let refresher = Arc::new(Refresher::new(settings.sources, Arc::clone(&store)));

    let flight_listener = listen(settings.listen).await?;
    let http_listener = listen(settings.http_listen).await?;
    let addresses = json!({
        "flight": format!("grpc://{}", local_address(&flight_listener)?),
        "http": format!("http://{}", local_address(&http_listener)?),
    });
    let (stop, stopped) = watch::channel(false);
    let wait = |mut stopped: watch::Receiver<bool>| async move {
        // A sender that is gone means to stop as well.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let service = flight::Service::new(engine, Arc::clone(&refresher));
    let flight_server = tokio::spawn(flight::serve(service, flight_listener, wait(stopped.clone())));
    let http_server = tokio::spawn(http::serve(Arc::clone(&refresher), http_listener, wait(stopped.clone())));
    let initial = settings.initial_refresh;
    let refreshes = tokio::spawn(async move { refresher.run(initial).await });
    if let Some(path) = &settings.ready_file {
        write_ready_file(path, &addresses.to_string())?;
    }
    tracing::info!(flight = %addresses["flight"], http = %addresses["http"], "listening");

    wait_for_signal().await?;
    tracing::info!(seconds = DRAIN.as_secs(), "stopping; running calls may finish");
    stop.send_replace(true);
    refreshes.abort();
    garbage.abort();
    let drained = tokio::time::timeout(DRAIN, async { tokio::join!(flight_server, http_server) }).await;
    store.stop_hot_tier();
    match drained {
        Ok((Ok(Ok(())), Ok(Ok(())))) => tracing::info!("stopped"),
        Ok(_) => tracing::warn!("stopped; a listener ended with an error"),
        Err(_) => tracing::warn!("stopped; some calls were still running"),
    }
    if let Some(path) = &settings.ready_file {
        // Whoever waits for the file must not find that of a server that has gone; if it is gone already, good.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
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

async fn wait_for_signal() -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::work(format!("cannot wait for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

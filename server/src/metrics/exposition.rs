//! All metrics as text, in the format that Prometheus reads (OpenMetrics 1.0).

use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use rail_forge_planner::Engine;

use super::{Levels, Metrics, PREFIX};
use crate::readiness::Readiness;
use crate::refresher::Refresher;

/// What a scraper is told the text is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of a server.
#[derive(Debug)]
pub struct Exposition {
    registry: Registry,
}

impl Exposition {
    pub fn new(metrics: &Metrics, engine: Engine, refresher: Arc<Refresher>, readiness: Readiness) -> Self {
        let mut registry = Registry::default();
        let own = registry.sub_registry_with_prefix(PREFIX);
        metrics.register(own);
        let levels = Levels { engine, refresher, readiness, started_seconds: metrics.started_seconds() };
        registry.register_collector(Box::new(levels));
        Self { registry }
    }

    /// The text, as of now.
    ///
    /// # Errors
    /// When a value cannot be written, which is a mistake of ours.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

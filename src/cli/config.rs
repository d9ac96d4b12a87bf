//! The configuration of `serve`: one TOML file.
//!
//! The file holds the catalogue's own tables (`[[placement]]`, `[[offer]]`, …),
//! so that every catalogue file is a configuration, and beside them any of
//!
//! ```toml
//! [server]
//! listen = "127.0.0.1:7117"      # a loopback address
//! reflection = false
//! max_concurrent_calls = 4096
//! max_streams_per_connection = 1024
//! call_timeout = "10s"
//! drain_timeout = "10s"
//!
//! [ledger]
//! data_dir = "promobandit-data"  # relative to the working directory
//! durability = "group"           # or "async"
//! async_sync_interval = "100ms"  # only with "async"
//! queue_limit_bytes = 67108864
//! checkpoint_every_events = 100000
//! cache_bytes = 67108864
//!
//! [shop]
//! id = "shop"
//! seed = 1                       # drawn from the data directory's keys unless given
//! key_file = "shop.key"          # 64 hexadecimal digits; drawn at the first start unless given
//! ```
//!
//! The catalogue may stand in a file of its own instead: `catalog_file =
//! "catalog.toml"` at the top, relative to this file. Without either, the
//! catalogue that the ledger holds stays in force; an empty ledger gets the
//! built-in one.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use toml::de::{DeTable, DeValue};

use crate::catalog::fault::nearest;
use crate::catalog::{self, CatalogDocument, CatalogFaults, Fault};
use crate::domain::ids::ChainHash;
use crate::engine;
use crate::engine::committer::Durability;
use crate::ledger::open::DEFAULT_CACHE_BYTES;
use crate::ledger::secrets::SecretKey;
use crate::service;

mod raw;
mod section;

use section::{Section, fault_at, line_of};

/// Where the service listens unless told otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:7117";
/// Where the ledger is unless told otherwise.
pub const DEFAULT_DATA_DIR: &str = "promobandit-data";

/// The keys of the file that are not the catalogue's.
pub(super) const OTHER_KEYS: [&str; 4] = ["catalog_file", "server", "ledger", "shop"];

/// What `serve` may rely on.
#[derive(Debug, Clone)]
pub struct Config {
    /// A loopback address; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// How the service behaves; its data directory is the one below.
    pub service: service::Settings,
    /// Where the ledger is.
    pub data_dir: PathBuf,
    /// What the store may keep in memory.
    pub cache_bytes: u64,
    /// How the engine behaves; its seed is meaningless unless `seed` is given.
    pub engine: engine::Settings,
    /// What the draws' seeds are made from; `None` for the data directory's
    /// keys.
    pub seed: Option<u64>,
    /// The key that pseudonyms are made with; `None` for the data directory's
    /// own. It cannot be changed later.
    pub shop_key: Option<SecretKey>,
    /// The catalogue that is to be in force; `None` for the ledger's own.
    pub catalog: Option<CatalogDocument>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7117)),
            service: service::Settings::default(),
            data_dir: PathBuf::from(DEFAULT_DATA_DIR),
            cache_bytes: DEFAULT_CACHE_BYTES,
            engine: engine::Settings::default(),
            seed: None,
            shop_key: None,
            catalog: None,
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}; name a file that exists by --config", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says what does not hold.
    #[error(transparent)]
    Faults(#[from] ConfigFaults),
    /// The catalogue's own file does.
    #[error(transparent)]
    Catalog(#[from] CatalogFaults),
    /// A file holds no key.
    #[error("{} holds no key: it must have 64 hexadecimal digits and nothing else", path.display())]
    ShopKey {
        /// Which.
        path: PathBuf,
    },
    /// A demonstration of another catalogue than its own.
    #[error(
        "the configuration has a catalogue, and --demo brings its own, whose shoppers it knows; \
         leave one of the two out"
    )]
    DemoCatalog,
    /// An address is none, or not a local one.
    #[error("{whose} is {address:?}: {rule}")]
    Listen {
        /// The flag or the key.
        whose: &'static str,
        /// What was given.
        address: String,
        /// What may be.
        rule: &'static str,
    },
}

/// All that is wrong with a configuration file.
#[derive(Debug)]
pub struct ConfigFaults {
    file: String,
    faults: Vec<Fault>,
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.faults.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{} has {count} fault{plural}", self.file)?;
        self.faults
            .iter()
            .try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for ConfigFaults {}

/// The only addresses that are served.
const LOOPBACK_RULE: &str = "must be a loopback address with a port, such as 127.0.0.1:7117 or \
     [::1]:7117, until the service has TLS and authentication; put a proxy that has both before it";

/// Reads an address to listen on, if it may be listened on.
pub(super) fn read_listen(text: &str) -> Result<SocketAddr, &'static str> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        _ => Err(LOOPBACK_RULE),
    }
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// When it cannot be read, and for every fault of it with its line, key,
    /// value and bound.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read_file(path)?;
        let file = path.display().to_string();
        let mut config = Self::default();
        let (table, notation) = DeTable::parse_recoverable(&text);
        if !notation.is_empty() {
            // The catalogue's reader says what is wrong with the notation.
            catalog::read_toml_beside(&text, &file, &OTHER_KEYS)?;
        }
        let table = table.into_inner();
        let mut faults = Vec::new();
        config.catalog = read_catalog(&table, &text, &file, &mut faults);
        let other_files = read_sections(&mut config, &table, &text, &mut faults);
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.line);
            return Err(ConfigFaults { file, faults }.into());
        }
        if let Some(name) = other_files.catalog {
            config.catalog = Some(read_catalog_file(path, &name)?);
        }
        if let Some(name) = other_files.shop_key {
            config.shop_key = Some(read_shop_key(path, &name)?);
        }
        Ok(config)
    }

    /// Listens at the address of a flag instead.
    ///
    /// # Errors
    /// When it may not be listened on.
    pub fn listen_at(&mut self, address: &str) -> Result<(), ConfigError> {
        self.listen = read_listen(address).map_err(|rule| ConfigError::Listen {
            whose: "--listen",
            address: address.to_owned(),
            rule,
        })?;
        Ok(())
    }

    /// The settings of the service, with its data directory.
    #[must_use]
    pub fn service_settings(&self) -> service::Settings {
        service::Settings {
            data_dir: Some(self.data_dir.clone()),
            ..self.service.clone()
        }
    }
}

fn read_file(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_path_buf(),
        source,
    })
}

/// The shop's key, from a file named relative to the configuration.
fn read_shop_key(config: &Path, name: &str) -> Result<SecretKey, ConfigError> {
    let path = config.parent().unwrap_or_else(|| Path::new("")).join(name);
    let text = read_file(&path)?;
    // Both are 32 bytes in hexadecimal digits.
    let bytes = ChainHash::from_hex(text.trim()).map(|hash| hash.0);
    bytes
        .map(SecretKey::from_bytes)
        .ok_or(ConfigError::ShopKey { path })
}

fn read_catalog_file(config: &Path, name: &str) -> Result<CatalogDocument, ConfigError> {
    let beside = config.parent().unwrap_or_else(|| Path::new(""));
    let path = beside.join(name);
    let text = read_file(&path)?;
    Ok(catalog::read_toml(&text, &path.display().to_string())?)
}

/// The catalogue's tables of the file, if it has any; refuses unknown keys.
fn read_catalog(
    table: &DeTable<'_>,
    text: &str,
    file: &str,
    faults: &mut Vec<Fault>,
) -> Option<CatalogDocument> {
    let has = |key: &str| table.keys().any(|known| known.get_ref() == key);
    if catalog::KINDS.into_iter().any(has) {
        return match catalog::read_toml_beside(text, file, &OTHER_KEYS) {
            Ok(document) => Some(document),
            Err(found) => {
                faults.extend_from_slice(found.faults());
                None
            }
        };
    }
    let known = [&OTHER_KEYS[..], &catalog::KINDS].concat();
    for key in table.keys() {
        let name = key.get_ref();
        if !known.contains(&name.as_ref()) {
            let mut fault = fault_at(&[name], line_of(text, key.span().start));
            fault.rule = format!("is unknown: this file has {}", known.join(", "));
            fault.nearest = nearest(name, known.iter().copied());
            faults.push(fault);
        }
    }
    None
}

/// The file's other keys; gives the catalogue's file, where one is named.
fn read_sections(
    config: &mut Config,
    table: &DeTable<'_>,
    text: &str,
    faults: &mut Vec<Fault>,
) -> OtherFiles {
    let mut other_files = OtherFiles::default();
    for (key, value) in table {
        let line = line_of(text, key.span().start);
        match key.get_ref().as_ref() {
            "server" => {
                let mut section = Section::new("server", text, faults);
                read_server(config, section.read(value), &mut section);
            }
            "ledger" => {
                let mut section = Section::new("ledger", text, faults);
                read_ledger(config, section.read(value), &mut section);
            }
            "shop" => {
                let mut section = Section::new("shop", text, faults);
                let raw: raw::Shop = section.read(value);
                other_files.shop_key.clone_from(&raw.key_file);
                read_shop(config, raw, &mut section);
            }
            "catalog_file" => match value.get_ref() {
                DeValue::String(name) if config.catalog.is_none() => {
                    other_files.catalog = Some(name.to_string());
                }
                other => {
                    let mut fault = fault_at(&["catalog_file"], line);
                    fault.rule = if matches!(other, DeValue::String(_)) {
                        "must not be set in a file that has the catalogue's tables".to_owned()
                    } else {
                        "must be the name of a file".to_owned()
                    };
                    faults.push(fault);
                }
            },
            _ => {}
        }
    }
    other_files
}

/// Files that the configuration names.
#[derive(Debug, Default)]
struct OtherFiles {
    catalog: Option<String>,
    shop_key: Option<String>,
}

fn read_server(config: &mut Config, raw: raw::Server, section: &mut Section<'_>) {
    if let Some(listen) = raw.listen {
        match read_listen(listen.get_ref()) {
            Ok(address) => config.listen = address,
            Err(rule) => section.refuse("listen", &listen, format!("{:?}", listen.get_ref()), rule),
        }
    }
    let service = &mut config.service;
    service.reflection = raw.reflection.unwrap_or(service.reflection);
    if let Some(calls) = section.whole(
        "max_concurrent_calls",
        raw.max_concurrent_calls,
        1,
        1_000_000,
    ) {
        service.max_concurrent_calls = usize::try_from(calls).unwrap_or(usize::MAX);
    }
    let streams = raw.max_streams_per_connection;
    if let Some(streams) = section.whole("max_streams_per_connection", streams, 1, 1_000_000) {
        service.max_streams_per_connection = u32::try_from(streams).unwrap_or(u32::MAX);
    }
    if let Some(timeout) = section.span("call_timeout", raw.call_timeout, "10ms", "10min") {
        service.call_timeout = timeout;
    }
    if let Some(timeout) = section.span("drain_timeout", raw.drain_timeout, "0s", "10min") {
        service.drain_timeout = timeout;
    }
}

fn read_ledger(config: &mut Config, raw: raw::Ledger, section: &mut Section<'_>) {
    const MIB: u64 = 1024 * 1024;
    if let Some(data_dir) = raw.data_dir {
        config.data_dir = PathBuf::from(data_dir);
    }
    let interval = raw.async_sync_interval.as_ref();
    let interval_at = interval.map(|interval| interval.span());
    let interval = section.span("async_sync_interval", raw.async_sync_interval, "1ms", "60s");
    let sync_interval = interval.unwrap_or(Duration::from_millis(100));
    match raw.durability.as_ref().map(|text| text.get_ref().as_str()) {
        None | Some("group") => {
            if let Some(at) = interval_at {
                let rule = "has no meaning unless durability is \"async\"";
                section.refuse_at("async_sync_interval", at, None, rule);
            }
        }
        Some("async") => config.engine.durability = Durability::Async { sync_interval },
        Some(other) => {
            let value = format!("{other:?}");
            let at = raw.durability.as_ref().map_or(0..0, |text| text.span());
            let rule = "must be \"group\" or \"async\"";
            section.refuse_at("durability", at, Some(value), rule);
        }
    }
    let queue = raw.queue_limit_bytes;
    if let Some(bytes) = section.whole("queue_limit_bytes", queue, MIB, 16 * 1024 * MIB) {
        config.engine.queue_limit_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    let every = raw.checkpoint_every_events;
    if let Some(events) = section.whole("checkpoint_every_events", every, 1_000, 1_000_000_000) {
        config.engine.checkpoint_every_events = events;
    }
    let cache = raw.cache_bytes;
    if let Some(bytes) = section.whole("cache_bytes", cache, MIB, 1024 * 1024 * MIB) {
        config.cache_bytes = bytes;
    }
}

fn read_shop(config: &mut Config, raw: raw::Shop, section: &mut Section<'_>) {
    const ID_BYTES: usize = 64;
    if let Some(id) = raw.id {
        let text = id.get_ref();
        if (1..=ID_BYTES).contains(&text.len()) && !text.chars().any(char::is_control) {
            config.engine.shop_id.clone_from(text);
        } else {
            let rule = format!("must have 1 to {ID_BYTES} bytes and no control characters");
            section.refuse("id", &id, catalog::fault::quoted(text), &rule);
        }
    }
    let most = i64::MAX.unsigned_abs();
    config.seed = section.whole("seed", raw.seed, 0, most).or(config.seed);
}

#[cfg(test)]
mod tests;

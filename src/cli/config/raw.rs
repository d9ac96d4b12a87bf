//! The file's tables as a person wrote them: unchecked.

use serde::Deserialize;
use toml::Spanned;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub listen: Option<Spanned<String>>,
    pub reflection: Option<bool>,
    pub max_concurrent_calls: Option<Spanned<i64>>,
    pub max_streams_per_connection: Option<Spanned<i64>>,
    pub call_timeout: Option<Spanned<String>>,
    pub drain_timeout: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ledger {
    pub data_dir: Option<String>,
    pub durability: Option<Spanned<String>>,
    pub async_sync_interval: Option<Spanned<String>>,
    pub queue_limit_bytes: Option<Spanned<i64>>,
    pub checkpoint_every_events: Option<Spanned<i64>>,
    pub cache_bytes: Option<Spanned<i64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shop {
    pub id: Option<Spanned<String>>,
    pub seed: Option<Spanned<i64>>,
    pub key_file: Option<String>,
}

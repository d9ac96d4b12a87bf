//! One logged impression through the service.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use prost_types::Timestamp;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::cli::client::patiently;
use crate::logs::obd::{ObdRow, item_offer_id, position_placement_id};
use crate::proto::promobandit::v1::attribute_value::Value;
use crate::proto::promobandit::v1::batch_reward_result::Result as Answer;
use crate::proto::promobandit::v1::offer_service_client::OfferServiceClient;
use crate::proto::promobandit::v1::reward_service_client::RewardServiceClient;
use crate::proto::promobandit::v1::{
    AttributeValue, BatchRecordRewardsRequest, ChooseOfferRequest, OutcomeKind, RecordRewardRequest,
};

/// The way to the service, and what ids are made of.
#[derive(Debug, Clone)]
pub struct Replayer {
    offers: OfferServiceClient<Channel>,
    rewards: RewardServiceClient<Channel>,
    feature_names: Arc<[String]>,
    seed: u64,
}

/// What came of an impression.
#[derive(Debug)]
pub struct Replayed {
    /// Which row it was.
    pub row: u64,
    /// The service had answered this request before.
    pub reused: bool,
    /// What the service chose.
    pub choice: Choice,
}

/// What the service chose.
#[derive(Debug)]
pub enum Choice {
    /// The logged item.
    Match {
        /// The log has a click.
        click: bool,
        /// How many of its events the service had recorded before.
        duplicates: Duplicates,
    },
    /// Another item: the event says that it was not shown.
    Other(Box<RecordRewardRequest>),
    /// No offer: nothing was to be shown, so nothing is to be said.
    NoOffer,
}

/// Which events of a match the service had recorded before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Duplicates {
    /// The click.
    pub click: bool,
    /// That it was settled.
    pub settled: bool,
}

impl Replayer {
    /// Replays a log with these features.
    pub fn new(channel: &Channel, feature_names: &[String], seed: u64) -> Self {
        Self {
            offers: OfferServiceClient::new(channel.clone()),
            rewards: RewardServiceClient::new(channel.clone()),
            feature_names: feature_names.into(),
            seed,
        }
    }

    /// Has the service choose; where it chose the logged item, tells it what
    /// the log says came of it, and waits until that is learnt.
    pub async fn replay(self, row: ObdRow) -> anyhow::Result<Replayed> {
        let at_row = || format!("row {} of the log", row.row);
        let request = self.request(&row);
        let answer = patiently(|| {
            let (mut client, request) = (self.offers.clone(), request.clone());
            async move { client.choose_offer(request).await }
        });
        let answer = answer.await.with_context(at_row)?;
        let Some(decision) = answer.decision else {
            bail!("the service answered row {} with no decision", row.row);
        };
        let about = Decided {
            id: decision.decision_id,
            request_id: request.request_id,
            at: decision.create_time,
        };
        let item = item_offer_id(row.item_id);
        let choice = match decision.offers.first() {
            None => Choice::NoOffer,
            Some(offer) if offer.offer_id == item => {
                let told = self.tell(&about, row.click).await;
                Choice::Match {
                    click: row.click,
                    duplicates: told.with_context(at_row)?,
                }
            }
            Some(_) => Choice::Other(Box::new(about.event(OutcomeKind::NotShown))),
        };
        Ok(Replayed {
            row: row.row,
            reused: answer.reused,
            choice,
        })
    }

    fn request(&self, row: &ObdRow) -> ChooseOfferRequest {
        let request_id = request_id(self.seed, row.row).to_string();
        let features = self.feature_names.iter().zip(&row.user_features);
        let attributes: HashMap<String, AttributeValue> = features
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| {
                let value = Some(Value::StringValue(value.clone()));
                (name.clone(), AttributeValue { value })
            })
            .collect();
        ChooseOfferRequest {
            placement: position_placement_id(row.position),
            // Each impression is a visit of its own: nothing is reused.
            session_id: request_id.clone(),
            request_id,
            attributes,
            ..ChooseOfferRequest::default()
        }
    }

    async fn tell(&self, about: &Decided, click: bool) -> anyhow::Result<Duplicates> {
        let mut duplicates = Duplicates::default();
        self.record(about.event(OutcomeKind::Exposure)).await?;
        if click {
            duplicates.click = self.record(about.event(OutcomeKind::Click)).await?;
        }
        duplicates.settled = self.record(about.event(OutcomeKind::Settled)).await?;
        Ok(duplicates)
    }

    /// Records an event; whether it was recorded before.
    async fn record(&self, event: RecordRewardRequest) -> anyhow::Result<bool> {
        let recorded = patiently(|| {
            let (mut client, event) = (self.rewards.clone(), event.clone());
            async move { client.record_reward(event).await }
        });
        Ok(recorded.await?.duplicate)
    }

    /// Records that answers were not used. They teach nothing, so nobody waits
    /// for them.
    pub async fn record_not_shown(self, requests: Vec<RecordRewardRequest>) -> anyhow::Result<()> {
        let request = BatchRecordRewardsRequest { requests };
        let answers = patiently(|| {
            let (mut client, request) = (self.rewards.clone(), request.clone());
            async move { client.batch_record_rewards(request).await }
        });
        for answer in answers.await?.results {
            if let Some(Answer::Error(error)) = answer.result {
                bail!(
                    "the service refused that an answer was not shown: {}",
                    error.message
                );
            }
        }
        Ok(())
    }
}

/// A decision that events are told about.
struct Decided {
    id: String,
    request_id: String,
    at: Option<Timestamp>,
}

impl Decided {
    /// An event at the decision's own instant, so that a retry of the replay
    /// says the same.
    fn event(&self, kind: OutcomeKind) -> RecordRewardRequest {
        let name = match kind {
            OutcomeKind::Exposure => "exposure",
            OutcomeKind::Click => "click",
            OutcomeKind::NotShown => "not-shown",
            _ => "settled",
        };
        RecordRewardRequest {
            event_id: format!("{}-{name}", self.request_id),
            decision_id: self.id.clone(),
            kind: kind.into(),
            event_time: self.at,
            ..RecordRewardRequest::default()
        }
    }
}

/// The id of a row's request: a UUIDv8 that is a hash of the seed and the row.
fn request_id(seed: u64, row: u64) -> Uuid {
    let mut hasher = blake3::Hasher::new_derive_key("promobandit replay request id v1");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&row.to_le_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rows_request_id_never_changes() {
        let id = request_id(1, 1);
        assert_eq!(id, request_id(1, 1));
        assert_eq!(id.get_version_num(), 8);
        assert_ne!(id, request_id(1, 2));
        assert_ne!(id, request_id(2, 1));
    }
}

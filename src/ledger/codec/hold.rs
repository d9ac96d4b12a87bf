//! Capacity in the stored format.

use super::{DecodeError, sixteen_or_none, stored};
use crate::domain::ids::{LimitNumber, OfferNumber};
use crate::domain::keys::ShareKey;
use crate::domain::limit::{Hold, UsageKey};
use crate::domain::time::Instant;

pub(super) fn to_stored(hold: &Hold) -> stored::Hold {
    stored::Hold {
        limit: hold.key.limit.0,
        offer: hold.offer.0,
        scope_key: hold
            .key
            .share
            .map(|share| share.0.to_vec())
            .unwrap_or_default(),
        period_start_ms: hold.key.period_start.unix_ms(),
        amount: hold.amount,
        expires_at_ms: 0,
    }
}

pub(super) fn from_stored(hold: stored::Hold) -> Result<Hold, DecodeError> {
    if hold.amount < 0 {
        let expected = "0 or more";
        return Err(DecodeError::field("hold.amount", hold.amount, expected));
    }
    Ok(Hold {
        key: UsageKey {
            limit: LimitNumber(hold.limit),
            share: sixteen_or_none("hold.scope_key", &hold.scope_key)?.map(ShareKey),
            period_start: Instant::from_unix_ms(hold.period_start_ms),
        },
        offer: OfferNumber(hold.offer),
        amount: hold.amount,
    })
}

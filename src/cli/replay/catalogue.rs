//! Whether the service's catalogue has what a log needs.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::bail;
use tonic::Code;
use tonic::transport::Channel;

use super::survey::Survey;
use crate::cli::client::refusal;
use crate::logs::obd::{item_offer_id, position_placement_id};
use crate::proto::promobandit::v1::ListOffersRequest;
use crate::proto::promobandit::v1::catalog_service_client::CatalogServiceClient;

/// How many offers are asked for at once.
const PAGE_SIZE: i32 = 1_000;
/// How many missing items are named.
const NAMED_ITEMS: usize = 5;

/// Checks that each placement of the log offers the items that the log has
/// there; answers how many offers the placements have, the fewest first.
///
/// # Errors
/// When a placement or an item is missing, or the service refuses.
pub async fn check(
    channel: Channel,
    survey: &Survey,
    log: &Path,
) -> anyhow::Result<BTreeSet<usize>> {
    let mut client = CatalogServiceClient::new(channel);
    let mut counts = BTreeSet::new();
    for (position, items) in &survey.items {
        let placement = position_placement_id(*position);
        let Some(offered) = offers_of(&mut client, &placement).await? else {
            bail!(
                "the service has no placement {placement:?}, which the log needs; {}",
                advice(log)
            );
        };
        let missing: Vec<String> = items
            .iter()
            .map(|item| item_offer_id(*item))
            .filter(|offer| !offered.contains(offer))
            .collect();
        if !missing.is_empty() {
            let named = missing[..missing.len().min(NAMED_ITEMS)].join(", ");
            bail!(
                "the service lacks {} of the log's {} items at {placement} ({named}{}); {}",
                missing.len(),
                items.len(),
                if missing.len() > NAMED_ITEMS {
                    ", …"
                } else {
                    ""
                },
                advice(log)
            );
        }
        counts.insert(offered.len());
    }
    Ok(counts)
}

fn advice(log: &Path) -> String {
    format!(
        "write its catalogue with `promobandit replay --log obd:{} --write-config FILE` and start \
         the service with `promobandit serve --config FILE`",
        log.display()
    )
}

/// The offers of a placement; `None` when there is no such placement.
async fn offers_of(
    client: &mut CatalogServiceClient<Channel>,
    placement: &str,
) -> anyhow::Result<Option<BTreeSet<String>>> {
    let mut offers = BTreeSet::new();
    let mut page_token = String::new();
    loop {
        let request = ListOffersRequest {
            placement: placement.to_owned(),
            page_size: PAGE_SIZE,
            page_token,
        };
        let page = match client.list_offers(request).await {
            Ok(page) => page.into_inner(),
            Err(status) if status.code() == Code::NotFound => return Ok(None),
            Err(status) => return Err(refusal(&status)),
        };
        offers.extend(page.offers.into_iter().map(|offer| offer.id));
        if page.next_page_token.is_empty() {
            return Ok(Some(offers));
        }
        page_token = page.next_page_token;
    }
}

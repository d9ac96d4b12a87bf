//! `promobandit catalog preview`: what a request would see, and why.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::client;
use crate::cli::client::refusal;
use crate::cli::json as shown;
use crate::cli::output::Output;
use crate::cli::table::Table;
use crate::domain::money::Currency;
use crate::proto::google::r#type::Money;
use crate::proto::promobandit::v1::attribute_value::Value;
use crate::proto::promobandit::v1::{
    AttributeValue, Cart, CartLine, ChooseOfferRequest, Decision, GetPlacementRequest,
    PreviewOffersRequest, PreviewOffersResponse, ShopperHistory,
};

/// What the request says.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The service that runs here, such as http://127.0.0.1:7117.
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// The placement's id.
    #[arg(long)]
    placement: String,
    /// The shopper, as the shop knows it.
    #[arg(long, default_value = "", value_name = "ID")]
    shopper: String,
    /// new or returning; neither unless given.
    #[arg(long, value_name = "HISTORY", value_parser = ["new", "returning"])]
    history: Option<String>,
    /// Through what.
    #[arg(long, default_value = "")]
    channel: String,
    /// On what.
    #[arg(long, default_value = "")]
    device: String,
    /// In which store.
    #[arg(long, default_value = "")]
    store: String,
    /// In which region.
    #[arg(long, default_value = "")]
    region: String,
    /// An attribute, such as tier=gold, spend=120.5 or member=true: true and
    /// false are booleans, numbers are numbers, quotes make text of either.
    #[arg(long, value_name = "NAME=VALUE")]
    attribute: Vec<String>,
    /// A line of the cart: SKU:PIECES:PRICE, in the placement's currency, such as
    /// tea:2:49.90, and then, where there are some, :CATEGORY,CATEGORY and :BRAND.
    #[arg(long, value_name = "LINE")]
    line: Vec<String>,
    /// How many offers, from 1 to the placement's slots.
    #[arg(long, default_value_t = 1)]
    slots: i32,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// When the arguments do not hold or the service refuses.
pub async fn run(args: &PreviewArgs) -> anyhow::Result<ExitCode> {
    let mut client = client(&args.endpoint).await?;
    let placement = GetPlacementRequest {
        placement: args.placement.clone(),
    };
    let placement = client.get_placement(placement).await;
    let placement = placement.map_err(|status| refusal(&status))?.into_inner();
    let currency = placement
        .placement
        .map(|it| it.currency)
        .unwrap_or_default();
    let request = PreviewOffersRequest {
        request: Some(request(args, &currency)?),
    };
    let told = client.preview_offers(request).await;
    let told = told.map_err(|status| refusal(&status))?.into_inner();
    args.output.print(
        || text(&told),
        || {
            json!({
                "decision": told.decision.as_ref().map(shown::decision),
                "candidates": told.candidates.iter().map(shown::candidate).collect::<Vec<_>>(),
            })
        },
    )?;
    Ok(ExitCode::SUCCESS)
}

fn request(args: &PreviewArgs, currency: &str) -> anyhow::Result<ChooseOfferRequest> {
    let currency = Currency::from_code(currency)?;
    let lines = args.line.iter().map(|line| cart_line(line, currency));
    let attributes = args.attribute.iter().map(|text| attribute(text));
    let history = match args.history.as_deref() {
        Some("new") => ShopperHistory::New,
        Some(_) => ShopperHistory::Returning,
        None => ShopperHistory::Unspecified,
    };
    Ok(ChooseOfferRequest {
        request_id: Uuid::new_v4().to_string(),
        placement: args.placement.clone(),
        shopper_id: args.shopper.clone(),
        channel: args.channel.clone(),
        device: args.device.clone(),
        store: args.store.clone(),
        region: args.region.clone(),
        shopper_history: history.into(),
        attributes: attributes.collect::<anyhow::Result<HashMap<_, _>>>()?,
        cart: Some(Cart {
            lines: lines.collect::<anyhow::Result<_>>()?,
        }),
        slots: Some(args.slots),
        ..ChooseOfferRequest::default()
    })
}

fn cart_line(text: &str, currency: Currency) -> anyhow::Result<CartLine> {
    let expected = || anyhow!("--line {text:?}: expected SKU:PIECES:PRICE[:CATEGORIES[:BRAND]]");
    let parts: Vec<&str> = text.split(':').collect();
    let (sku, quantity, price, rest) = match parts.as_slice() {
        [sku, quantity, price, rest @ ..] if rest.len() <= 2 => (sku, quantity, price, rest),
        _ => return Err(expected()),
    };
    let minor_units = currency
        .parse_minor_units(price)
        .with_context(|| format!("--line {text:?}"))?;
    let per_major = currency.minor_per_major();
    let nanos = minor_units % per_major * (1_000_000_000 / per_major);
    let categories = rest.first().into_iter().flat_map(|names| names.split(','));
    Ok(CartLine {
        sku: (*sku).to_owned(),
        categories: categories
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect(),
        brand: rest.get(1).map(|it| (*it).to_owned()).unwrap_or_default(),
        quantity: quantity.parse().map_err(|_| expected())?,
        unit_price: Some(Money {
            currency_code: currency.code().to_owned(),
            units: minor_units / per_major,
            nanos: i32::try_from(nanos).map_err(|_| expected())?,
        }),
    })
}

fn attribute(text: &str) -> anyhow::Result<(String, AttributeValue)> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| anyhow!("--attribute {text:?}: expected NAME=VALUE"))?;
    let quoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    let value = match (quoted, value.parse::<bool>(), value.parse::<f64>()) {
        (Some(text), _, _) => Value::StringValue(text.to_owned()),
        (None, Ok(flag), _) => Value::BoolValue(flag),
        (None, _, Ok(number)) => Value::NumberValue(number),
        (None, Err(_), Err(_)) => Value::StringValue(value.to_owned()),
    };
    Ok((name.to_owned(), AttributeValue { value: Some(value) }))
}

fn text(told: &PreviewOffersResponse) -> String {
    let mut page = String::new();
    if let Some(decision) = &told.decision {
        page.push_str(&seen(decision));
    }
    let mut table = Table::new(["offer", "probability", "why not"]);
    for candidate in &told.candidates {
        let first = candidate.probabilities.first();
        let probability = first.map_or_else(String::new, |it| format!("{it:.4}"));
        let why_not = match candidate.rejection_code.as_str() {
            "" => String::new(),
            code => format!("{code}: {}", candidate.rejection_reason),
        };
        table.row([candidate.offer_id.clone(), probability, why_not]);
    }
    let _ = write!(page, "\n{table}");
    page
}

fn seen(decision: &Decision) -> String {
    let offers: Vec<&str> = decision
        .offers
        .iter()
        .map(|it| it.offer_id.as_str())
        .collect();
    let what = if offers.is_empty() {
        "nothing".to_owned()
    } else {
        format!("such as {}", offers.join(", "))
    };
    format!(
        "at {}, in segment {:?}, catalogue version {}: {what}\n",
        decision.placement, decision.segment, decision.catalog_version
    )
}

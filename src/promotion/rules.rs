//! Rules: whether a request is one that an offer may be shown to, and which
//! part of the rule says no.

use std::fmt;

use crate::domain::attribute::{Attributes, Comparison, Condition};
use crate::domain::companions::{Companion, Companions};
use crate::domain::decision::RequestContext;
use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::{OfferNumber, SegmentNumber};
use crate::domain::rule::{CartTest, PlaceKind, Rule, RuleTest, ShopperHistory};
use crate::domain::time::Instant;

/// How many names of a list are told.
const SHOWN_NAMES: usize = 5;

/// What offers are judged on.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// When.
    pub at: Instant,
    /// The shopper's segment.
    pub segment: SegmentNumber,
    /// What the request said.
    pub request: Known<'a>,
}

/// What is known of a request.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// All of it.
    Request(&'a RequestContext),
    /// The shopper was erased, and what the request said with the shopper. What
    /// was on offer is known still: an offer with a rule was held to it as the
    /// record has it.
    Erased(Option<&'a EligibleOffers>),
}

/// The part of a rule that does not hold, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    code: &'static str,
    reason: String,
}

impl Unmet {
    /// The reason code, stable for programs to read.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }
}

impl fmt::Display for Unmet {
    /// A clause such as `the channel is "web", none of "app"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Whether an offer's rule, or its campaign's, holds.
pub(super) fn holds(rule: &Rule, offer: OfferNumber, occasion: &Occasion<'_>) -> bool {
    match occasion.request {
        Known::Request(request) => holds_for(rule, occasion.segment, request),
        Known::Erased(offered) => was_offered(offered, offer),
    }
}

fn was_offered(offered: Option<&EligibleOffers>, offer: OfferNumber) -> bool {
    offered.is_some_and(|offered| offered.index_of(offer).is_some())
}

fn holds_for(rule: &Rule, segment: SegmentNumber, request: &RequestContext) -> bool {
    rule.holds_where(&|test| test_holds(test, segment, request))
}

fn test_holds(test: &RuleTest, segment: SegmentNumber, request: &RequestContext) -> bool {
    match test {
        RuleTest::Attribute(test) => test.holds(&request.attributes),
        RuleTest::Cart(test) => test.holds(&request.cart),
        RuleTest::GoesWith(companions) => companions.lift(&request.cart).is_some(),
        RuleTest::Segment(segments) => segments.contains(&segment),
        RuleTest::Shopper(history) => request.history == Some(*history),
        RuleTest::Place { kind, one_of } => one_of.iter().any(|it| it == request.place(*kind)),
    }
}

/// The first part of a rule that does not hold; `None` when it holds.
pub(super) fn unmet(rule: &Rule, offer: OfferNumber, occasion: &Occasion<'_>) -> Option<Unmet> {
    match occasion.request {
        Known::Request(request) => unmet_for(rule, occasion.segment, request),
        Known::Erased(offered) if was_offered(offered, offer) => None,
        Known::Erased(_) => Some(Unmet {
            code: "RULE_NOT_HELD",
            reason: "a rule did not hold; which part is not known since the shopper was erased"
                .to_owned(),
        }),
    }
}

fn unmet_for(rule: &Rule, segment: SegmentNumber, request: &RequestContext) -> Option<Unmet> {
    let simple = |code, reason: &str| {
        let reason = reason.to_owned();
        Some(Unmet { code, reason })
    };
    match rule {
        Condition::All(parts) => parts
            .iter()
            .find_map(|part| unmet_for(part, segment, request)),
        _ if holds_for(rule, segment, request) => None,
        // A choice of one is that one.
        Condition::Any(parts) if parts.len() == 1 => unmet_for(&parts[0], segment, request),
        Condition::Any(_) => simple(
            "NO_ALTERNATIVE_HOLDS",
            "none of the rule's alternatives holds",
        ),
        Condition::Not(part) => Some(excluded(part)),
        Condition::Test(test) => Some(unmet_test(test, request)),
    }
}

/// Why a rule that excludes something does so.
fn excluded(part: &Rule) -> Unmet {
    let (code, reason) = match part {
        Condition::Test(RuleTest::Cart(test)) if test.is_filtered() => {
            ("CART_EXCLUDED", format!("the cart has {}", Filter(test)))
        }
        Condition::Test(RuleTest::Segment(_)) => {
            ("SEGMENT_EXCLUDED", "the segment is excluded".to_owned())
        }
        Condition::Test(RuleTest::Place { kind, .. }) => (
            place_code(*kind),
            format!("the {} is excluded", kind.name()),
        ),
        _ => ("EXCLUDED", "what the rule excludes is so".to_owned()),
    };
    Unmet { code, reason }
}

fn unmet_test(test: &RuleTest, request: &RequestContext) -> Unmet {
    let (code, reason) = match test {
        RuleTest::Attribute(test) => {
            let code = "ATTRIBUTE_DIFFERS";
            (
                code,
                unmet_attribute(&test.name, &test.comparison, &request.attributes),
            )
        }
        RuleTest::Cart(test) => unmet_cart(test, request),
        RuleTest::GoesWith(companions) => ("NO_COMPANION_IN_CART", unmet_companions(companions)),
        RuleTest::Segment(_) => {
            let reason = "the shopper's segment is none of those that the offer is for";
            ("SEGMENT_EXCLUDED", reason.to_owned())
        }
        RuleTest::Shopper(wanted) => {
            let code = match wanted {
                ShopperHistory::New => "SHOPPER_NOT_NEW",
                ShopperHistory::Returning => "SHOPPER_NOT_RETURNING",
            };
            let known = request
                .history
                .map_or("not known to be either", ShopperHistory::name);
            (
                code,
                format!("the shopper is {known}, not {}", wanted.name()),
            )
        }
        RuleTest::Place { kind, one_of } => {
            let (name, given) = (kind.name(), request.place(*kind));
            let reason = format!("the {name} is {given:?}, none of {}", Names(one_of));
            (place_code(*kind), reason)
        }
    };
    Unmet { code, reason }
}

const fn place_code(kind: PlaceKind) -> &'static str {
    match kind {
        PlaceKind::Channel => "CHANNEL_EXCLUDED",
        PlaceKind::Device => "DEVICE_EXCLUDED",
        PlaceKind::Store => "STORE_EXCLUDED",
        PlaceKind::Region => "REGION_EXCLUDED",
    }
}

fn unmet_attribute(name: &str, comparison: &Comparison, attributes: &Attributes) -> String {
    match (attributes.get(name), comparison) {
        (None, _) => format!("the attribute {name:?} was not given"),
        (Some(_), Comparison::Between { .. }) => {
            format!("the attribute {name:?} lies outside the rule's bounds")
        }
        (Some(_), _) => format!("the attribute {name:?} is not what the rule asks for"),
    }
}

fn unmet_cart(test: &CartTest, request: &RequestContext) -> (&'static str, String) {
    let (pieces, _) = test.measure(&request.cart);
    let (filter, least) = (Filter(test), test.min_quantity);
    let of = if test.is_filtered() { " of " } else { "" };
    if pieces == 0 && test.is_filtered() {
        ("CART_LACKS", format!("the cart has no {filter}"))
    } else if pieces < least {
        let reason = format!("the cart has {pieces} pieces{of}{filter}, fewer than {least}");
        ("CART_QUANTITY_TOO_LOW", reason)
    } else {
        let reason = format!("the cart{of}{filter} is worth less than the rule asks for");
        ("CART_SPEND_TOO_LOW", reason)
    }
}

fn unmet_companions(companions: &Companions) -> String {
    let told = |companion: &Companion| companion.skus.join(" with ");
    let told: Vec<String> = companions.as_slice().iter().map(told).collect();
    format!(
        "the cart has nothing that the article goes with: {}",
        Names(&told)
    )
}

/// What a cart test counts, in words.
struct Filter<'a>(&'a CartTest);

impl fmt::Display for Filter<'_> {
    /// `article of "tea", "cup" of category "drinks"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(test) = self;
        let lists = [
            ("article", &test.skus),
            ("category", &test.categories),
            ("brand", &test.brands),
        ];
        let mut separator = "";
        for (kind, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
            write!(f, "{separator}{kind} {}", Names(names))?;
            separator = " of ";
        }
        Ok(())
    }
}

/// Names in quotes, the first ones when there are many.
struct Names<'a>(&'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for name in self.0.iter().take(SHOWN_NAMES) {
            write!(f, "{separator}{name:?}")?;
            separator = ", ";
        }
        if self.0.len() > SHOWN_NAMES {
            write!(f, " and {} more", self.0.len() - SHOWN_NAMES)?;
        }
        Ok(())
    }
}

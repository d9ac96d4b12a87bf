use super::*;
use crate::domain::decision::RequestContext;
use crate::domain::ids::SegmentNumber;
use crate::domain::money::BasisPoints;
use crate::domain::offer::Benefit;
use crate::promotion::rules::Known;

const START: Instant = Instant::from_unix_ms(1_000);
const END: Instant = Instant::from_unix_ms(2_000);

fn offer(number: u32, status: Status, schedule: Schedule) -> Offer {
    Offer {
        number: OfferNumber(number),
        id: format!("offer-{number}"),
        title: String::new(),
        campaign: None,
        categories: Vec::new(),
        placements: Vec::new(),
        status,
        schedule,
        rule: None,
        priority: 0,
        exclusive: false,
        companions: None,
        stacking_group: None,
        void_on_end: false,
        benefit: Benefit::CrossSell {
            sku: "case".into(),
            discount: BasisPoints::default(),
        },
        render_payload: String::new(),
    }
}

fn campaign(status: Status, schedule: Schedule) -> Campaign {
    Campaign {
        id: "spring".into(),
        title: String::new(),
        status,
        schedule,
        rule: None,
    }
}

/// Judges on a request that says nothing.
fn judge_at(offer: &Offer, campaign: Option<&Campaign>, at: Instant) -> Result<(), Rejection> {
    let request = RequestContext::default();
    judge(offer, campaign, &occasion(at, &request))
}

fn occasion(at: Instant, request: &RequestContext) -> Occasion<'_> {
    Occasion {
        at,
        segment: SegmentNumber(0),
        request: Known::Request(request),
    }
}

const ALWAYS: Schedule = Schedule {
    starts_at: None,
    ends_at: None,
    recurrence: None,
};
const SECOND: Schedule = Schedule {
    starts_at: Some(START),
    ends_at: Some(END),
    recurrence: None,
};

#[test]
fn a_schedule_holds_from_its_start_until_just_before_its_end() {
    let offer = offer(0, Status::Active, SECOND);
    let code = |ms| {
        judge_at(&offer, None, Instant::from_unix_ms(ms))
            .err()
            .map(|rejection| rejection.code())
    };
    assert_eq!(code(999), Some("OFFER_NOT_STARTED"));
    assert_eq!(code(1_000), None);
    assert_eq!(code(1_999), None);
    assert_eq!(code(2_000), Some("OFFER_ENDED"));
    assert_eq!(code(i64::MIN), Some("OFFER_NOT_STARTED"));
    assert_eq!(code(i64::MAX), Some("OFFER_ENDED"));
}

#[test]
fn an_open_schedule_is_always_on() {
    let offer = offer(0, Status::Active, ALWAYS);
    for ms in [i64::MIN, 0, i64::MAX] {
        assert_eq!(judge_at(&offer, None, Instant::from_unix_ms(ms)), Ok(()));
    }
}

#[test]
fn every_status_but_active_rejects() {
    for status in Status::ALL.into_iter().filter(|it| *it != Status::Active) {
        let rejected = judge_at(&offer(0, status, ALWAYS), None, START).expect_err("not active");
        assert_eq!(rejected.code(), "OFFER_NOT_ACTIVE");
        assert_eq!(
            rejected.to_string(),
            format!("the offer is {}, not active", status.name())
        );
        let active = offer(0, Status::Active, ALWAYS);
        let rejected = judge_at(&active, Some(&campaign(status, ALWAYS)), START)
            .expect_err("the campaign is not active");
        assert_eq!(rejected.code(), "CAMPAIGN_NOT_ACTIVE");
    }
}

#[test]
fn a_campaign_rejects_its_offers_in_words() {
    let active = offer(0, Status::Active, ALWAYS);
    let spring = campaign(Status::Active, SECOND);
    let early = judge_at(&active, Some(&spring), Instant::from_unix_ms(0)).expect_err("early");
    assert_eq!(early.code(), "CAMPAIGN_NOT_STARTED");
    assert_eq!(
        early.to_string(),
        "the campaign starts at 1970-01-01T00:00:01.000Z, later than 1970-01-01T00:00:00.000Z"
    );
    let late = judge_at(&active, Some(&spring), END).expect_err("late");
    assert_eq!(late.code(), "CAMPAIGN_ENDED");
    assert_eq!(
        late.to_string(),
        "the campaign ended at 1970-01-01T00:00:02.000Z, not later than 1970-01-01T00:00:02.000Z"
    );
}

#[test]
fn what_is_kept_and_what_is_told_agree() {
    let offers = [
        offer(2, Status::Active, ALWAYS),
        offer(3, Status::Paused, ALWAYS),
        offer(5, Status::Active, SECOND),
        offer(8, Status::Active, ALWAYS),
    ];
    let pairs = || offers.iter().map(|offer| (offer, None));
    let request = RequestContext::default();
    for ms in [0, 1_000, 2_000] {
        let at = Instant::from_unix_ms(ms);
        let kept: Vec<OfferNumber> = eligible(pairs(), &occasion(at, &request))
            .expect("some are on")
            .into();
        let told: Vec<OfferNumber> = explain(pairs(), &occasion(at, &request))
            .into_iter()
            .filter(|verdict| verdict.rejection.is_none())
            .map(|verdict| verdict.offer)
            .collect();
        assert_eq!(kept, told);
    }
    assert_eq!(
        eligible(
            offers[1..2].iter().map(|offer| (offer, None)),
            &occasion(START, &request)
        ),
        None
    );
    assert_eq!(
        eligible(std::iter::empty(), &occasion(START, &request)),
        None
    );
}

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::domain::cart::CartLine;
use crate::domain::money::BasisPoints;
use crate::domain::offer::{CouponDiscount, PercentOff, SpendTier};

fn currency(code: &str) -> Currency {
    Currency::from_code(code).expect("a currency")
}

fn share(basis_points: u16) -> BasisPoints {
    BasisPoints::new(basis_points).expect("at most 10,000")
}

/// Lines of (article, pieces, price of one).
fn cart(lines: &[(&str, i64, i64)]) -> Cart {
    let lines = lines
        .iter()
        .map(|(sku, quantity, unit_price_minor)| CartLine {
            sku: (*sku).to_owned(),
            categories: Vec::new(),
            brand: String::new(),
            quantity: *quantity,
            unit_price_minor: *unit_price_minor,
        });
    Cart {
        lines: lines.collect(),
    }
}

fn percent(basis_points: u16, max_discount_minor: Option<i64>) -> Benefit {
    Benefit::PercentOff(PercentOff {
        discount: share(basis_points),
        max_discount_minor,
    })
}

fn tiers(tiers: &[(i64, i64)]) -> Benefit {
    Benefit::SpendThreshold {
        tiers: tiers
            .iter()
            .map(|(spend_minor, save_minor)| SpendTier {
                spend_minor: *spend_minor,
                save_minor: *save_minor,
            })
            .collect(),
    }
}

fn bundle(skus: &[&str], basis_points: u16) -> Benefit {
    Benefit::Bundle {
        skus: skus.iter().map(|sku| (*sku).to_owned()).collect(),
        discount: share(basis_points),
    }
}

fn buy_x_get_y(skus: &[&str], buy_quantity: i64, get_quantity: i64, basis_points: u16) -> Benefit {
    Benefit::BuyXGetY {
        skus: skus.iter().map(|sku| (*sku).to_owned()).collect(),
        buy_quantity,
        get_quantity,
        discount: share(basis_points),
    }
}

fn cross_sell(sku: &str, basis_points: u16) -> Benefit {
    Benefit::CrossSell {
        sku: sku.to_owned(),
        discount: share(basis_points),
    }
}

/// The worked examples of `docs/benefits.md`, in its order: benefit, cart,
/// discount, shares.
#[test]
fn the_worked_examples_of_the_documentation_hold() {
    let three = cart(&[("tea", 1, 1_000), ("cup", 1, 1_000), ("pot", 1, 1_000)]);
    let basket = cart(&[("tea", 2, 3_333), ("cup", 1, 3_335)]);
    let full100 = tiers(&[(10_000, 1_000), (20_000, 3_000), (30_000, 5_000)]);
    let worth = |minor| cart(&[("tea", 1, minor)]);
    let sport = cart(&[("shoes", 2, 39_900), ("socks", 3, 2_500), ("hat", 1, 5_000)]);
    let two_prices = cart(&[
        ("socks", 1, 3_000),
        ("shoes", 1, 39_900),
        ("socks", 1, 2_500),
    ]);
    let drinks = |pieces| cart(&[("cola", pieces, 500), ("tea", 1, 800)]);
    let examples: [(&str, Benefit, &Cart, i64, &[i64]); 17] = [
        (
            "thirds",
            Benefit::AmountOff {
                amount_minor: 1_000,
            },
            &three,
            1_000,
            &[334, 333, 333],
        ),
        (
            "percent",
            percent(1_500, None),
            &basket,
            1_500,
            &[1_000, 500],
        ),
        (
            "half a fen is rounded up",
            percent(1_250, None),
            &worth(4),
            1,
            &[1],
        ),
        (
            "at most",
            percent(1_500, Some(1_200)),
            &basket,
            1_200,
            &[800, 400],
        ),
        (
            "more than the cart",
            Benefit::AmountOff {
                amount_minor: 9_000,
            },
            &three,
            3_000,
            &[1_000, 1_000, 1_000],
        ),
        (
            "below the first tier",
            full100.clone(),
            &worth(9_999),
            0,
            &[0],
        ),
        (
            "at the first tier",
            full100.clone(),
            &worth(10_000),
            1_000,
            &[1_000],
        ),
        (
            "below the second tier",
            full100.clone(),
            &worth(19_999),
            1_000,
            &[1_000],
        ),
        (
            "at the second tier",
            full100.clone(),
            &worth(20_000),
            3_000,
            &[3_000],
        ),
        (
            "beyond the last tier",
            full100,
            &worth(99_900),
            5_000,
            &[5_000],
        ),
        (
            "two bundles",
            bundle(&["shoes", "socks"], 1_000),
            &sport,
            8_480,
            &[7_980, 500, 0],
        ),
        (
            "the cheaper socks",
            bundle(&["shoes", "socks"], 1_000),
            &two_prices,
            4_240,
            &[0, 3_990, 250],
        ),
        (
            "buy 2 get 1, of 2",
            buy_x_get_y(&["cola"], 2, 1, 10_000),
            &drinks(2),
            0,
            &[0, 0],
        ),
        (
            "buy 2 get 1, of 3",
            buy_x_get_y(&["cola"], 2, 1, 10_000),
            &drinks(3),
            500,
            &[500, 0],
        ),
        (
            "buy 2 get 1, of 7",
            buy_x_get_y(&["cola"], 2, 1, 10_000),
            &drinks(7),
            1_000,
            &[1_000, 0],
        ),
        (
            "buy 1 get 2 at half, of 2",
            buy_x_get_y(&["cola"], 1, 2, 5_000),
            &drinks(2),
            250,
            &[250, 0],
        ),
        (
            "cross-sell",
            cross_sell("cup", 1_000),
            &basket,
            334,
            &[0, 334],
        ),
    ];
    for (name, benefit, cart, discount, shares) in examples {
        let amounts = resolve(&benefit, cart, currency("CNY"));
        assert_eq!(amounts.discount_minor, discount, "{name}");
        assert_eq!(amounts.line_shares_minor, shares, "{name}");
        assert_eq!(amounts.shortfall.is_some(), discount == 0, "{name}");
    }
}

#[test]
fn what_a_cart_lacks_is_told_by_code_and_in_words() {
    let cny = currency("CNY");
    let basket = cart(&[("tea", 1, 8_000)]);
    let free = cart(&[("sample", 3, 0)]);
    let shipping = Benefit::FreeShipping {
        min_spend_minor: Some(9_900),
    };
    for (benefit, cart, code, words) in [
        (
            tiers(&[(10_000, 1_000)]),
            &basket,
            "BELOW_SPEND",
            "the cart is worth 80.00 CNY, less than 100.00 CNY",
        ),
        (
            shipping,
            &basket,
            "BELOW_SPEND",
            "the cart is worth 80.00 CNY, less than 99.00 CNY",
        ),
        (
            bundle(&["tea", "cup", "pot"], 500),
            &basket,
            "BUNDLE_INCOMPLETE",
            "the bundle's article \"cup\" is not in the cart",
        ),
        (
            buy_x_get_y(&[], 2, 1, 10_000),
            &basket,
            "TOO_FEW_PIECES",
            "1 pieces count, fewer than 3",
        ),
        (
            cross_sell("cup", 500),
            &basket,
            "ARTICLE_NOT_IN_CART",
            "the offered article \"cup\" is not in the cart",
        ),
        (
            percent(1_000, None),
            &free,
            "NOTHING_TO_DISCOUNT",
            "there is no price to take a discount off",
        ),
        (
            percent(1_000, None),
            &Cart::default(),
            "EMPTY_CART",
            "the cart is empty",
        ),
    ] {
        let amounts = resolve(&benefit, cart, cny);
        let shortfall = amounts.shortfall.expect(code);
        assert_eq!(
            (shortfall.code(), shortfall.to_string().as_str()),
            (code, words)
        );
        assert_eq!(amounts.discount_minor, 0);
    }
    let shown = resolve(&cross_sell("cup", 0), &Cart::default(), cny);
    assert_eq!(
        shown.shortfall, None,
        "an article may be shown beside an empty cart"
    );
}

#[test]
fn gifts_points_and_shipping_cost_the_lines_nothing() {
    let basket = cart(&[("tea", 3, 3_350)]);
    let gift = Benefit::Gift {
        sku: "cup".to_owned(),
        quantity: 2,
        unit_cost_minor: 300,
    };
    let gift = resolve(&gift, &basket, currency("CNY"));
    assert_eq!((gift.gift_quantity, gift.line_shares_minor), (2, vec![0]));
    let points = Benefit::Points {
        fixed: 50,
        per_major_unit: 2,
        cost_per_thousand_minor: 100,
    };
    // 100.50 CNY, 10,050 JPY, 10.050 KWD: whole major units earn points.
    for (code, earned) in [("CNY", 250), ("JPY", 20_150), ("KWD", 70)] {
        assert_eq!(
            resolve(&points, &basket, currency(code)).points,
            earned,
            "{code}"
        );
    }
    let shipping = Benefit::FreeShipping {
        min_spend_minor: Some(10_050),
    };
    assert!(resolve(&shipping, &basket, currency("CNY")).free_shipping);
}

#[test]
fn the_largest_carts_neither_overflow_nor_lose_a_unit() {
    let line = ("tea", 1_000_000, 1_000_000_000_000_000);
    let huge = cart(&vec![line; 500]);
    for benefit in [
        percent(10_000, None),
        percent(3_333, None),
        Benefit::AmountOff {
            amount_minor: 1_000_000_000_000_000,
        },
        buy_x_get_y(&[], 1, 1, 10_000),
        bundle(&["tea"], 9_999),
    ] {
        let amounts = resolve(&benefit, &huge, currency("CNY"));
        let sum: i128 = amounts
            .line_shares_minor
            .iter()
            .map(|share| i128::from(*share))
            .sum();
        assert_eq!(sum, i128::from(amounts.discount_minor), "{benefit:?}");
    }
}

fn random_cart(random: &mut StdRng) -> Cart {
    let skus = ["tea", "cup", "pot", "shoes", "socks"];
    let lines: Vec<(&str, i64, i64)> = (0..random.random_range(1..=8))
        .map(|_| {
            let digits: u32 = random.random_range(0..=8);
            (
                skus[random.random_range(0..skus.len())],
                random.random_range(1..=9),
                random.random_range(0..=10_i64.pow(digits)),
            )
        })
        .collect();
    cart(&lines)
}

fn random_benefit(random: &mut StdRng) -> Benefit {
    let points: u16 = random.random_range(1..=10_000);
    match random.random_range(0..7) {
        0 => percent(points, None),
        1 => percent(points, Some(random.random_range(1..=5_000))),
        2 => Benefit::AmountOff {
            amount_minor: random.random_range(1..=100_000),
        },
        3 => tiers(&[(1_000, 101), (10_000, 1_003), (100_000, 20_001)]),
        4 => bundle(&["tea", "cup"], points),
        5 => buy_x_get_y(
            &["tea", "pot"],
            random.random_range(1..=3),
            random.random_range(1..=3),
            points,
        ),
        _ => Benefit::Coupon {
            code: "SPRING".to_owned(),
            discount: CouponDiscount::PercentOff(PercentOff {
                discount: share(points),
                max_discount_minor: None,
            }),
        },
    }
}

/// On a million random carts of one to eight lines, every kind of discount: the
/// shares add up, and no line is given more than it is worth.
#[test]
fn line_shares_add_up_to_the_discount_on_a_million_random_carts() {
    let mut random = StdRng::seed_from_u64(20_270_206);
    let (mut given, cny) = (0, currency("CNY"));
    for _ in 0..1_000_000 {
        let (cart, benefit) = (random_cart(&mut random), random_benefit(&mut random));
        let amounts = resolve(&benefit, &cart, cny);
        let sum: i64 = amounts.line_shares_minor.iter().sum();
        assert_eq!(sum, amounts.discount_minor, "{benefit:?} for {cart:?}");
        for (share, line) in amounts.line_shares_minor.iter().zip(&cart.lines) {
            assert!(
                (0..=line.value_minor()).contains(share),
                "{benefit:?} for {cart:?}"
            );
        }
        assert_eq!(
            amounts.shortfall.is_some(),
            sum == 0,
            "{benefit:?} for {cart:?}"
        );
        given += u32::from(sum > 0);
    }
    assert!(
        given > 600_000,
        "only {given} of a million carts had a discount"
    );
}

proptest! {
    /// Each share is its exact share rounded down or up, and of two lines with
    /// the same weight the earlier one never gets less.
    #[test]
    fn shares_are_within_a_unit_of_exact(
        weights in prop::collection::vec(0_i64..=1_000_000_000_000_000, 1..40),
        part in 0_i64..=1_000_000,
    ) {
        let total: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        let amount = i64::try_from(total * i128::from(part) / 1_000_000).expect("at most 40 · 10^15");
        let shares = share_out(amount, &weights);
        prop_assert_eq!(shares.iter().sum::<i64>(), if total > 0 { amount } else { 0 });
        for (share, weight) in shares.iter().zip(&weights) {
            let distance = i128::from(*share) * total - i128::from(amount) * i128::from(*weight);
            prop_assert!(distance.abs() < total.max(1));
        }
        for (one, other) in (0..weights.len()).zip(1..weights.len()) {
            if weights[one] == weights[other] {
                prop_assert!(shares[one] >= shares[other]);
            }
        }
    }
}

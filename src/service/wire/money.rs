//! Money on the wire, `google.type.Money`, and inside, minor units.

use super::field::{Field, Quoted, Reader};
use crate::domain::money::{Currency, MAX_MINOR_UNITS, Money};
use crate::proto::google::r#type;

/// The decimals of `nanos`.
const NANOS_DIGITS: u32 = 9;
const NANOS_PER_UNIT: i32 = 1_000_000_000;

/// Money of a wire message.
pub(super) fn to_wire(minor_units: i64, currency: Currency) -> r#type::Money {
    let per_major = currency.minor_per_major();
    let nanos_per_minor = 10_i64.pow(NANOS_DIGITS - currency.minor_digits());
    let nanos = minor_units % per_major * nanos_per_minor;
    r#type::Money {
        currency_code: currency.code().to_owned(),
        units: minor_units / per_major,
        nanos: i32::try_from(nanos).expect("less than a major unit is less than 10^9 nanos"),
    }
}

/// Money of a request, when it is given. `None` also stands for a fault.
pub(super) fn read(
    reader: &mut Reader,
    field: &Field<'_>,
    money: Option<r#type::Money>,
) -> Option<Money> {
    let money = money?;
    let code = &money.currency_code;
    let currency = match Currency::from_code(code) {
        Ok(currency) => Some(currency),
        Err(_) if code.is_empty() => {
            reader.lack(&field.name("currency_code"), "an ISO 4217 code such as CNY");
            None
        }
        Err(_) => {
            let expected = "an ISO 4217 code such as CNY";
            reader.refuse(&field.name("currency_code"), Quoted(code), expected);
            None
        }
    };
    let (units, nanos) = (money.units, money.nanos);
    if nanos.unsigned_abs() >= NANOS_PER_UNIT.unsigned_abs() {
        let expected = "-999999999 to 999999999";
        reader.refuse(&field.name("nanos"), nanos, expected);
        return None;
    }
    if units.signum() * i64::from(nanos.signum()) < 0 {
        let value = format!("units {units} and nanos {nanos}");
        reader.refuse(field, value, "units and nanos of the same sign");
        return None;
    }
    minor_units(reader, field, currency?, units, nanos)
}

fn minor_units(
    reader: &mut Reader,
    field: &Field<'_>,
    currency: Currency,
    units: i64,
    nanos: i32,
) -> Option<Money> {
    let nanos_per_minor = 10_i64.pow(NANOS_DIGITS - currency.minor_digits());
    let nanos = i64::from(nanos);
    if nanos % nanos_per_minor != 0 {
        let digits = currency.minor_digits();
        let expected = format!("a multiple of {nanos_per_minor}: {currency} has {digits} decimals");
        reader.refuse(&field.name("nanos"), nanos, expected);
        return None;
    }
    let minor_units = units
        .checked_mul(currency.minor_per_major())
        .and_then(|minor_units| minor_units.checked_add(nanos / nanos_per_minor))
        .filter(|minor_units| minor_units.unsigned_abs() <= MAX_MINOR_UNITS.unsigned_abs());
    let Some(minor_units) = minor_units else {
        let bound = Money {
            minor_units: MAX_MINOR_UNITS,
            currency,
        };
        reader.refuse(&field.name("units"), units, format!("at most {bound}"));
        return None;
    };
    Some(Money {
        minor_units,
        currency,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_alone(units: i64, nanos: i32, code: &str) -> Result<Option<Money>, String> {
        let mut reader = Reader::default();
        let money = r#type::Money {
            currency_code: code.to_owned(),
            units,
            nanos,
        };
        let read = read(&mut reader, &Field::of("price"), Some(money));
        reader.finish(read).map_err(|faults| {
            assert_eq!(faults.len(), 1, "{faults:?}");
            faults[0].to_string()
        })
    }

    proptest! {
        #[test]
        fn money_comes_back_as_it_went(
            minor_units in -MAX_MINOR_UNITS..=MAX_MINOR_UNITS,
            code in prop_oneof!["CNY", "JPY", "KWD", "CLF", "EUR"],
        ) {
            let currency = Currency::from_code(&code).expect("a currency");
            let wire = to_wire(minor_units, currency);
            prop_assert!(wire.units.signum() * i64::from(wire.nanos.signum()) >= 0);
            let back = read_alone(wire.units, wire.nanos, &wire.currency_code);
            prop_assert_eq!(back, Ok(Some(Money { minor_units, currency })));
        }

        #[test]
        fn no_money_makes_the_reader_panic(units: i64, nanos: i32, code in ".{0,4}") {
            let mut reader = Reader::default();
            let money = r#type::Money { currency_code: code, units, nanos };
            let read = read(&mut reader, &Field::of("price"), Some(money));
            let faulty = reader.finish(()).is_err();
            prop_assert_eq!(read.is_none(), faulty);
        }
    }

    #[test]
    fn what_is_no_money_is_refused_by_its_part() {
        for (units, nanos, code, told) in [
            (1, -1, "CNY", "price is units 1 and nanos -1"),
            (-1, 1, "CNY", "price is units -1 and nanos 1"),
            (0, 1_000_000_000, "CNY", "price.nanos is 1000000000"),
            (0, i32::MIN, "CNY", "price.nanos is -2147483648"),
            (1, 5_000_000, "CNY", "price.nanos is 5000000"),
            (1, 10_000_000, "JPY", "price.nanos is 10000000"),
            (
                10_000_000_000_001,
                0,
                "CNY",
                "price.units is 10000000000001",
            ),
            (i64::MAX, 0, "JPY", "price.units is 9223372036854775807"),
            (i64::MIN, 0, "KWD", "price.units is -9223372036854775808"),
            (1, 0, "", "price.currency_code is missing"),
            (1, 0, "cny", "price.currency_code is \"cny\""),
            (1, 0, "XXX", "price.currency_code is \"XXX\""),
        ] {
            let refusal = read_alone(units, nanos, code).expect_err(told);
            assert!(refusal.starts_with(told), "{refusal} does not tell {told}");
        }
    }
}

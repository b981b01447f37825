use super::*;
use crate::Encoding;
use proptest::prelude::*;

fn rules(validation: CpfValidation, pad_cpf: bool) -> Rules {
    Rules {
        encoding: Encoding::Utf8,
        validation,
        pad_cpf,
        zone: zone(),
        derived_id: |_, _, _| ObjectId([0; 12]),
    }
}

fn zone() -> TimeZone {
    TimeZone::get("America/Sao_Paulo").unwrap()
}

fn cell(json: &str) -> Cell<'_> {
    serde_json::from_str(json).unwrap()
}

fn shown<T: ToString>(read: Result<Option<T>, Reason>) -> String {
    match read {
        Ok(value) => value.map_or_else(|| "none".to_owned(), |value| value.to_string()),
        Err(reason) => reason.into_owned(),
    }
}

#[test]
fn amounts_as_people_and_programs_write_them() {
    for (json, read) in [
        (r#""1234.56""#, "1234.56"),
        (r#""1.234,56""#, "1234.56"),
        (r#"" R$ 1.234,56 ""#, "1234.56"),
        ("\"R$\u{a0}1.234,56\"", "1234.56"),
        (r#""R$1.234""#, "1234.00"),
        (r#""1.234.567""#, "1234567.00"),
        (r#""1.234.567,8""#, "1234567.80"),
        (r#""1234,5""#, "1234.50"),
        (r#""-R$ 1,00""#, "-1.00"),
        (r#""R$ -1,00""#, "-1.00"),
        (r#""1234.5600""#, "1234.56"),
        (r#""1,2E+3""#, AMOUNT),
        (r#""1.234""#, TWO_WAYS),
        (r#""1.234,567""#, AMOUNT),
        (r#""1,234.56""#, AMOUNT),
        (r#""12.34,56""#, AMOUNT),
        (r#""1234.567""#, CENTS),
        (r#""US$ 1.00""#, AMOUNT),
        (r#""--1""#, AMOUNT),
        (r#""mil reais""#, AMOUNT),
        (r#"" ""#, "none"),
        ("null", "none"),
        ("12", "12.00"),
        ("126688.98", "126688.98"),
        ("10.100000000000001", "10.10"),
        ("10.123", CENTS),
        ("1e300", RANGE),
        ("1000000000000", RANGE),
        ("true", AMOUNT),
        (r#"{"$numberDecimal": "10.10"}"#, "10.10"),
        (r#"{"$numberDecimal": "1.234E+3"}"#, "1234.00"),
        (r#"{"$numberDecimal": "1.234"}"#, CENTS),
        (r#"{"$numberDecimal": "NaN"}"#, AMOUNT),
        (r#"{"$numberDecimal": "1E+6000"}"#, RANGE),
        (r#"{"$numberDecimal": "0E+6000"}"#, "0.00"),
        (r#"{"$numberInt": "7"}"#, "7.00"),
        (r#"{"$numberDouble": "-1.5"}"#, "-1.50"),
    ] {
        assert_eq!(shown(money(&cell(json))), read, "{json}");
    }
}

#[test]
fn days_and_instants() {
    for (json, at) in [
        (r#""2018-07-09T22:11:33.8Z""#, "2018-07-09T22:11:33.8Z"),
        (r#""2018-07-09 22:11:33.8+00""#, "2018-07-09T22:11:33.8Z"),
        (r#""2018-07-09T19:11:33-03:00""#, "2018-07-09T22:11:33Z"),
        (r#""2018-07-09 19:11:33""#, "2018-07-09T22:11:33Z"),
        (r#""2018-07-09T19:11""#, "2018-07-09T22:11:00Z"),
        (r#""09/07/2018 19:11:33""#, "2018-07-09T22:11:33Z"),
        (r#""9/7/2018""#, "2018-07-09T03:00:00Z"),
        (r#""2018-07-09""#, "2018-07-09T03:00:00Z"),
        (r#"{"$date": 1531174293800}"#, "2018-07-09T22:11:33.8Z"),
        (r#""31/02/2018""#, INSTANT),
        (r#""07/31/2018""#, INSTANT),
        (r#""9/7/18""#, INSTANT),
        (r#""9/7/2018/1""#, INSTANT),
        (r#""ontem às 3""#, INSTANT),
        (r#""20180709""#, INSTANT),
        ("1531174293", INSTANT),
        (r#""""#, "none"),
        ("null", "none"),
    ] {
        assert_eq!(shown(instant(&cell(json), &zone())), at, "{json}");
    }
    for (json, read) in [
        (r#""2018-07-07""#, "2018-07-07"),
        (r#""07/07/2018""#, "2018-07-07"),
        (r#""2018-07-07T00:00:00Z""#, "2018-07-07"),
        (r#""2018-07-07T00:00:00-03:00""#, "2018-07-07"),
        (r#"{"$date": "2018-07-07T03:00:00Z"}"#, "2018-07-07"),
        (r#""7/2018""#, DAY),
        ("7", DAY),
    ] {
        assert_eq!(shown(day(&cell(json))), read, "{json}");
    }
}

#[test]
fn cpfs_with_what_got_lost_on_the_way() {
    let form = "a CPF has 11 digits, with or without punctuation (000.000.000-00)";
    let digits = "the check digits of this CPF do not hold; compare it with the document";
    for (json, strict, padded) in [
        (r#""52998224725""#, "52998224725", "52998224725"),
        (r#"" 529.982.247-25""#, "52998224725", "52998224725"),
        (r#""52998224724""#, digits, digits),
        (r#""191""#, PAD, "00000000191"),
        ("191", PAD, "00000000191"),
        ("52998224725", "52998224725", "52998224725"),
        (r#"{"$numberLong": "191"}"#, PAD, "00000000191"),
        ("191.0", PAD, "00000000191"),
        (r#""1234567891""#, PAD, digits),
        ("-191", "is a CPF, written as a text", "is a CPF, written as a text"),
        (r#""""#, form, form),
        ("null", MISSING, MISSING),
        (r#""529982247255""#, form, form),
    ] {
        for (pad, expected) in [(false, strict), (true, padded)] {
            let read = cpf(&cell(json), &rules(CpfValidation::Strict, pad));
            assert_eq!(shown(read.map(Some)), expected, "{json} {pad}");
        }
    }
    let format = rules(CpfValidation::Format, true);
    assert!(cpf(&cell(r#""00000000299""#), &format).is_ok());
    assert!(cpf(&cell(r#""1234567891""#), &format).is_err(), "ten digits never become somebody");
}

#[test]
fn words_in_any_case_and_no_others() {
    assert_eq!(kind(&cell(r#""debit""#)), Ok(MovementKind::Debit));
    assert_eq!(kind(&Cell::Missing), Ok(MovementKind::Unknown));
    assert_eq!(kind(&cell(r#""Pix""#)), Err(KIND.into()));
    assert_eq!(payment(&cell(r#""CREDITCARD""#)), Ok(PaymentType::CreditCard));
    assert_eq!(payment(&cell("7")), Err(PAYMENT.into()));
    assert_eq!(whole(&cell(r#"" 7 ""#)), Ok(Some(7)));
    assert_eq!(whole(&cell("7.5")), Err(NUMBER.into()));
    assert_eq!(object_id(&cell(r#""5b""#)), Err(ID.into()));
}

#[test]
fn reasons_read_the_same_in_every_encoding() {
    for reason in
        [MISSING, PAD, AMOUNT, RANGE, CENTS, TWO_WAYS, DAY, INSTANT, TEXT, ID, NUMBER, KIND, PAYMENT]
    {
        assert!(reason.is_ascii(), "{reason}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![".{0,24}", "[-0-9R$ .,eE/:TZ+]{0,24}"]) {
        let cells = [Cell::Text(text.as_str().into()), Cell::Decimal(text.as_str().into())];
        for cell in &cells {
            let _ = (money(cell), day(cell), instant(cell, &zone()), whole(cell), object_id(cell));
            let _ = (kind(cell), payment(cell), cpf(cell, &rules(CpfValidation::Format, true)));
        }
    }

    #[test]
    fn doubles_keep_their_cents(cents in -99_999_999_999_999_i64..=99_999_999_999_999) {
        let read = money(&Cell::Double(cents as f64 / 100.0)).unwrap().unwrap();
        prop_assert_eq!(read.cents(), cents);
    }

    #[test]
    fn an_amount_reads_the_same_in_both_ways(cents in 0_i64..=99_999_999_999_999) {
        let whole = (cents / 100).to_string();
        let mut grouped = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at) % 3 == 0 { grouped.push('.'); }
            grouped.push(digit);
        }
        let text = format!("R$ {grouped},{:02}", cents % 100);
        prop_assert_eq!(reais(&text).unwrap().cents(), cents);
    }
}

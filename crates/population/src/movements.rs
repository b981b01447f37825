//! Base C: what came and went in the last twelve months.

use crate::{
    arithmetic::whole,
    draws::{Draws, Stream, key, mix},
    income::Income,
    person::{Item, Movement, reais},
};
use ficha_domain::{
    Money,
    MovementKind::{self, Credit, Debit},
    ObjectId,
    PaymentType::{self, CreditCard, DebitCard, Money as Cash, PaymentSlip},
};
use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Time},
    tz::Offset,
};

/// Brazil's official time (Brasília; no daylight saving since 2019).
pub(crate) const BRASILIA: Offset = Offset::constant(-3);

/// Movements of a person in twelve months: a sample of the 790 payments of a Brazilian's year (domain.md §6).
const MEAN_COUNT: f64 = 12.0;

/// Shape of the negative binomial beyond the first movement: an assumption.
const COUNT_SHAPE: u32 = 3;

/// Share of movements that are the monthly income coming in.
const PAY_SHARE: f64 = 0.14;

/// How prices follow income, as a power of it; the poor pay for bread too.
const PRICE_ELASTICITY: f64 = 0.5;

/// The day of the month on which incomes come.
const PAY_DAY: i8 = 5;

/// Something people pay or are paid: weight, words, way, forms of payment, half cost less than these reais at
/// the country's median income, spread of the logarithm, rounded to these reais.
struct Occasion(u64, &'static str, MovementKind, &'static [PaymentType], f64, f64, f64);

const CARDS: &[PaymentType] = &[CreditCard, CreditCard, DebitCard, DebitCard, Cash];
const SMALL: &[PaymentType] = &[CreditCard, DebitCard, Cash, Cash];
const CREDIT: &[PaymentType] = &[CreditCard];
const SLIP: &[PaymentType] = &[PaymentSlip];
const CASH: &[PaymentType] = &[Cash];

/// All figures are assumptions.
const OCCASIONS: [Occasion; 26] = [
    Occasion(110, "Pix recebido", Credit, CASH, 120.0, 1.0, 5.0),
    Occasion(12, "Transferência recebida (TED)", Credit, CASH, 600.0, 0.9, 10.0),
    Occasion(10, "Rendimento da poupança", Credit, CASH, 12.0, 1.0, 0.01),
    Occasion(150, "Supermercado", Debit, CARDS, 130.0, 0.8, 0.01),
    Occasion(40, "Padaria", Debit, SMALL, 18.0, 0.5, 0.01),
    Occasion(25, "Açougue", Debit, SMALL, 60.0, 0.5, 0.01),
    Occasion(65, "Farmácia", Debit, CARDS, 55.0, 0.8, 0.01),
    Occasion(65, "Posto de combustível", Debit, CARDS, 110.0, 0.5, 0.01),
    Occasion(60, "Restaurante", Debit, CARDS, 55.0, 0.6, 0.01),
    Occasion(45, "Lanche por aplicativo", Debit, CREDIT, 48.0, 0.4, 0.01),
    Occasion(35, "Transporte por aplicativo", Debit, CREDIT, 19.0, 0.5, 0.01),
    Occasion(40, "Loja de roupas", Debit, CARDS, 140.0, 0.7, 0.01),
    Occasion(18, "Eletrodomésticos", Debit, CREDIT, 700.0, 0.7, 0.01),
    Occasion(15, "Material de construção", Debit, CARDS, 220.0, 0.9, 0.01),
    Occasion(25, "Assinatura de streaming", Debit, CREDIT, 35.0, 0.3, 0.1),
    Occasion(60, "Conta de luz", Debit, SLIP, 160.0, 0.5, 0.01),
    Occasion(40, "Conta de água", Debit, SLIP, 85.0, 0.5, 0.01),
    Occasion(20, "Botijão de gás", Debit, SMALL, 115.0, 0.1, 1.0),
    Occasion(45, "Internet e telefone", Debit, SLIP, 110.0, 0.3, 0.01),
    Occasion(20, "Recarga de celular", Debit, CASH, 20.0, 0.3, 5.0),
    Occasion(25, "Aluguel", Debit, SLIP, 850.0, 0.5, 10.0),
    Occasion(15, "Mensalidade escolar", Debit, SLIP, 650.0, 0.6, 0.01),
    Occasion(15, "Plano de saúde", Debit, SLIP, 480.0, 0.7, 0.01),
    Occasion(8, "IPTU", Debit, SLIP, 140.0, 0.7, 0.01),
    Occasion(110, "Pix enviado", Debit, CASH, 90.0, 1.0, 5.0),
    Occasion(27, "Saque em dinheiro", Debit, CASH, 150.0, 0.6, 10.0),
];

/// The last twelve months, counted back from a day's beginning.
#[derive(Clone, Debug)]
pub(crate) struct Year {
    midnight: Timestamp,
    pay_days: [Timestamp; 12],
}

impl Year {
    pub(crate) fn before(today: Date) -> Self {
        let instant = |date: Date, hour| {
            BRASILIA.to_timestamp(date.to_datetime(Time::constant(hour, 0, 0, 0))).unwrap_or(Timestamp::MAX)
        };
        let this_month = today.first_of_month().saturating_add((i64::from(PAY_DAY) - 1).days());
        let missed = i64::from(this_month >= today);
        let pay_day = |back: usize| this_month.saturating_sub((back as i64 + missed).months());
        Self { midnight: instant(today, 0), pay_days: std::array::from_fn(|back| instant(pay_day(back), 6)) }
    }
}

/// At least one movement: base C knows people by them.
pub(crate) fn draw(seed: u64, number: u64, income: &Income, year: &Year) -> Vec<Movement> {
    let mut draws = Draws::new(seed, number, Stream::Movements);
    let count = 1 + draws.negative_binomial(MEAN_COUNT - 1.0, COUNT_SHAPE);
    let prices = income.times(PRICE_ELASTICITY).clamp(0.6, 6.0);
    let mut pay_days = year.pay_days.iter();
    let mut movements = Vec::with_capacity(count);
    for index in 0..count as u64 {
        let pay_day = if draws.happens(PAY_SHARE) { pay_days.next() } else { None };
        let mut movement = match (pay_day, income.sources.first()) {
            (Some(at), Some(main)) => pay(main, *at),
            _ => ordinary(&mut draws, prices, year.midnight),
        };
        movement.id = id(seed, number, index, movement.at);
        movements.push(movement);
    }
    movements.sort_unstable_by_key(|movement| (movement.at, movement.id));
    movements
}

fn pay(main: &Item, at: Timestamp) -> Movement {
    movement(main.description, main.value, at, Credit, Cash)
}

fn ordinary(draws: &mut Draws, prices: f64, midnight: Timestamp) -> Movement {
    let Occasion(_, description, kind, payments, median, sigma, step) =
        draws.weighted(&OCCASIONS, |occasion| occasion.0);
    let amount = draws.lognormal(*median, *sigma) * prices;
    let value = reais(whole(amount / step).max(1) as f64 * step);
    // Between 7 and 22 o'clock on one of the last 365 days.
    let seconds = 86_400 * (1 + draws.below(365)) - 3600 * 7 - draws.below(3600 * 15);
    let at = midnight.saturating_sub(SignedDuration::from_secs(seconds as i64)).unwrap_or(Timestamp::MIN);
    movement(description, value, at, *kind, *draws.pick(payments))
}

fn movement(
    description: &'static str,
    value: Money,
    at: Timestamp,
    kind: MovementKind,
    payment_type: PaymentType,
) -> Movement {
    Movement { id: ObjectId([0; 12]), description, value, at, kind, payment_type }
}

/// As MongoDB makes them: four bytes of the second, eight that are nobody else's. `mix` is a bijection, so
/// they are distinct over all people below 2^48.
fn id(seed: u64, number: u64, index: u64, at: Timestamp) -> ObjectId {
    let own = mix(key(seed, Stream::MovementIds) ^ (number << 16 | index));
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&(at.as_second() as u32).to_be_bytes());
    bytes[4..].copy_from_slice(&own.to_be_bytes());
    ObjectId(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn pay_days_are_the_twelve_before_today() {
        for (today, last, first) in [
            (date(2026, 11, 22), "2026-11-05T06:00:00-03:00", "2025-12-05T06:00:00-03:00"),
            (date(2026, 11, 5), "2026-10-05T06:00:00-03:00", "2025-11-05T06:00:00-03:00"),
            (date(2026, 1, 6), "2026-01-05T06:00:00-03:00", "2025-02-05T06:00:00-03:00"),
        ] {
            let days = Year::before(today).pay_days.map(|day| day.display_with_offset(BRASILIA).to_string());
            assert_eq!((days[0].as_str(), days[11].as_str()), (last, first));
        }
    }

    #[test]
    fn ids_carry_their_second_and_are_distinct() {
        let at = "2026-11-05T09:00:00Z".parse().unwrap();
        assert_eq!(id(1, 2, 3, at).to_string()[..8], format!("{:08x}", at.as_second()));
        assert_ne!(id(1, 2, 3, at), id(1, 2, 4, at));
        assert_ne!(id(1, 2, 3, at), id(1, 3, 3, at));
    }
}

//! On a real node and a real replica set.

use super::*;
use ficha_contract::wire::{MovementKind, PaymentType};

mod away;
mod renewal;

#[tokio::test]
async fn what_is_added_replaced_moved_and_removed_is_so_in_the_index() {
    let base = base().await;
    add(&*base.store, described(1, "Farmácia")).await;
    let _fed = base.fed();
    base.store.ingest((2..=9).map(|n| described(n, "Padaria")).collect(), at(NOW)).await.unwrap();
    base.caught_up().await;
    assert_eq!(base.is_equal().await, 0);
    assert_eq!(base.found(ANA, "farmacia").await, [1]);
    base.replace(described(1, "Mercado")).await;
    base.replace(movement(2, &format!(r#""cpf":"{RUI}","description":"Padaria""#))).await;
    base.store.ingest(vec![described(3, "Mercado"), described(4, "Padaria")], at(NOW)).await.unwrap();
    base.remove(9).await;
    base.caught_up().await;
    assert_eq!(base.is_equal().await, 1, "what is gone leaves a tombstone");
    assert_eq!(base.found(ANA, "farmacia").await, [0; 0]);
    assert_eq!(base.found(ANA, "mercado").await, [3, 1]);
    assert_eq!(base.found(RUI, "padaria").await, [2]);
    assert_eq!(base.found(ANA, "padaria").await, [8, 7, 6, 5, 4]);
    base.clock.advance(jiff::SignedDuration::from_hours(25));
    eventually("the tombstone is swept", async || base.documents().await.len() == 8).await;
    base.caught_up().await;
    assert_eq!(base.is_equal().await, 0);
}

#[tokio::test]
async fn neither_cpfs_nor_descriptions_as_they_were_written_are_in_it() {
    let base = base().await;
    let _fed = base.fed();
    add(&*base.store, described(1, "Presente para a Mãe")).await;
    base.caught_up().await;
    let text = json!(base.documents().await).to_string();
    assert!(text.contains("presente para a mae"), "{text}");
    for secret in [ANA, "Mãe", "529982"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn portuguese_forms_of_a_word_are_one_and_what_the_store_finds_is_found() {
    let base = base().await;
    let _fed = base.fed();
    let texts = [
        (1, "Compra no cartão"),
        (2, "ANUIDADE CARTAO"),
        (3, "Fatura dos cartões 2ª via"),
        (4, "Carteira de couro"),
        (5, "Compras: farmácias, depósitos"),
        (6, "Transferência-TED p/ João"),
        (7, "Farma\u{301}cia São João"),
    ];
    base.store.ingest(texts.map(|(number, text)| described(number, text)).into(), at(NOW)).await.unwrap();
    base.caught_up().await;
    for (words, expected) in [
        ("cartões", vec![3, 2, 1]),
        ("cartao", vec![3, 2, 1]),
        ("CARTOES", vec![3, 2, 1]),
        ("compras cartão", vec![1]),
        ("farmácias", vec![7, 5]),
        ("farmacia joão", vec![7]),
        ("depósito", vec![5]),
        ("transferencias ted", vec![6]),
        ("carteiras", vec![4]),
        ("pharmacia", vec![]),
    ] {
        assert_eq!(base.found(ANA, words).await, expected, "{words}");
    }
    for word in texts.iter().flat_map(|(_, text)| Selection::words_of(text)) {
        let by_store = base.store.list(cpf(ANA), words_of(&word)).await.unwrap().unwrap();
        let found = base.found(ANA, &word).await;
        assert!(by_store.iter().all(|movement| found.contains(&movement.id.0[0])), "{word}: {found:?}");
    }
}

/// Each filter, each page, beside what the store says.
#[tokio::test]
async fn filters_pages_and_totals_are_those_of_the_store() {
    let base = base().await;
    let _fed = base.fed();
    let kinds = [("", ""), ("Debit", "CreditCard"), ("Credit", "Money"), ("Debit", "PaymentSlip")];
    let movements = (1..=60).map(|number: u8| {
        let (kind, payment) = kinds[usize::from(number % 4)];
        let (month, day) = (number % 3 + 8, number % 5 + 1);
        let fields = format!(
            r#""description":"Compra {number}","value":"{}.{:02}","type":"{kind}","PaymentType":"{payment}",
            "date":"2026-{month:02}-{day:02}T02:59:59.{:03}Z""#,
            i32::from(number) - 30,
            number % 7,
            number % 2
        );
        movement(number, &fields)
    });
    let mut movements: Vec<_> = movements.collect();
    movements.push(movement(61, r#""description":"Compra","date":"0001-01-02T00:00:00Z","value":"1""#));
    movements.push(movement(62, r#""description":"Compra","date":"9999-12-30T00:00:00Z","type":"Credit""#));
    base.store.ingest(movements, at(NOW)).await.unwrap();
    base.caught_up().await;
    let all = words_of("compra");
    let (events, instant) = (base.events(), Some(at("2026-09-03T02:59:59.0005Z")));
    for selection in [
        all.clone(),
        Selection { from: instant, ..all.clone() },
        Selection { to: instant, ..all.clone() },
        Selection { kind: Some(MovementKind::Debit), ..all.clone() },
        Selection { kind: Some(MovementKind::Unknown), ..all.clone() },
        Selection { payment_type: Some(PaymentType::Money), ..all.clone() },
        Selection { min: "-5.02".parse().ok(), max: "20".parse().ok(), ..all.clone() },
        Selection { min: "1000".parse().ok(), ..all.clone() },
        words_of("compra 17"),
    ] {
        let expected = base.store.list(cpf(ANA), selection.clone()).await.unwrap().unwrap();
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..20 {
            let selection = Selection { after, ..selection.clone() };
            let page = base.page(ANA, &selection, 7).await.unwrap();
            found.extend(page.movements);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{selection:?}");
        let totals = in_time(async || base.index.totals(cpf(ANA), &selection, &zone(), 1000).await).await;
        let (totals, _) = totals.unwrap();
        assert_eq!(totals, events.added_up(&expected), "{selection:?}");
    }
    assert!(base.page(RUI, &all, 7).await.is_none());
    assert!(in_time(async || base.index.totals(cpf(RUI), &all, &zone(), 7).await).await.is_none());
}

/// Whoever shows what the index found looks into the store first.
#[tokio::test]
async fn what_the_index_does_not_know_yet_is_not_shown_wrongly() {
    let base = base().await;
    let fed = base.fed();
    base.store.ingest((1..=4).map(|n| described(n, "Farmácia")).collect(), at(NOW)).await.unwrap();
    base.caught_up().await;
    drop(fed);
    base.remove(1).await;
    base.replace(described(2, "Padaria")).await;
    base.replace(described(3, "Farmácia da praça")).await;
    base.replace(movement(4, &format!(r#""cpf":"{RUI}","description":"Farmácia""#))).await;
    assert_eq!(base.found(ANA, "farmacia").await, [3], "gone, of other words, and of another person");
    assert_eq!(base.found(RUI, "farmacia").await, [0; 0]);
    base.remove(2).await;
    base.remove(3).await;
    assert!(base.page(ANA, &words_of("farmacia"), 9).await.is_none(), "nobody any more");
}

#[tokio::test]
async fn answers_say_who_looked_and_the_index_where_it_stands() {
    let base = base().await;
    let fed = base.fed();
    let events = base.events();
    base.store.ingest(vec![described(1, "Cartões"), described(2, "Pão")], at(NOW)).await.unwrap();
    base.caught_up().await;
    let asked = base.clock_now() + SECOND;
    let page = async |words: &str| -> Value {
        let page = events.page(cpf(ANA), words_of(words), 9, asked).await.unwrap();
        serde_json::from_slice(&page.unwrap()).unwrap()
    };
    drop(fed);
    let position = base.index.fit().await.unwrap().at;
    let mut found = Value::Null;
    eventually("the index answers", async || {
        found = page("cartao").await;
        found["search"] == json!({ "by": "index", "reduced": [] })
    })
    .await;
    assert_eq!((&found["as_of"], &found["source"]), (&json!(position), &json!("own")));
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    eventually("the index adds up", async || {
        let totals = events.totals(cpf(ANA), Selection::default(), asked).await.unwrap().unwrap();
        let totals: Value = serde_json::from_slice(&totals).unwrap();
        assert_eq!(totals["totals"][0]["count"], 2);
        totals["as_of"] == json!(position) && totals["search"]["by"] == "index"
    })
    .await;
    let before = base.index.figures().store_answered();
    base.clock.advance(jiff::SignedDuration::from_secs(61));
    let found = page("cartoes").await;
    assert_eq!(found["search"], json!({ "by": "store", "reduced": ["stemming"] }), "a minute behind");
    assert_eq!((&found["as_of"], found["items"].as_array().unwrap().len()), (&json!(asked), 1));
    assert_eq!(page("cartao").await["items"], json!([]), "that is what is left out");
    assert_eq!(base.index.figures().store_answered(), before + 2);
}

/// What an indexer does that was killed before it noted where it stood, or that another one took for dead.
#[tokio::test]
async fn told_again_from_any_place_changes_overwrite_nothing_newer_and_nothing_rises() {
    let base = base().await;
    base.index.rebuild(|_, _| ()).await.unwrap();
    let first = base.index.fit().await.unwrap();
    add(&*base.store, described(1, "Farmácia")).await;
    add(&*base.store, described(2, "Farmácia")).await;
    base.replace(described(1, "Padaria")).await;
    base.remove(2).await;
    let replay = async || {
        let mut feed =
            Feed::open(&base.index, &first.index, Since::Place(first.place.clone())).await.unwrap();
        feed.beat().await.unwrap();
        while feed.round().await.unwrap().is_none() {}
    };
    replay().await;
    assert_eq!(base.is_equal().await, 1);
    let written = base.index.figures().written();
    let before = base.documents().await;
    replay().await;
    assert_eq!(base.documents().await, before);
    assert_eq!(base.index.figures().written(), written, "all of it was known");
    assert_eq!(base.index.fit().await.unwrap(), first, "nothing was noted");
    let _fed = base.fed();
    base.caught_up().await;
    assert_eq!(base.is_equal().await, 1);
}

#[tokio::test]
async fn two_who_feed_at_once_repeat_each_other() {
    let base = base().await;
    let other = base.another(2, [9; 32]).await;
    base.index.rebuild(|_, _| ()).await.unwrap();
    let feeds = [base.index.clone(), other.index.clone()]
        .map(|index| Fed(tokio::spawn(async move { panic!("{}", index.feed().await) })));
    for number in 1..=40 {
        add(&*base.store, described(number % 28 + 1, "x").with(number)).await;
        if number % 3 == 0 {
            base.remove(number).await;
        }
    }
    base.caught_up().await;
    assert_eq!(base.is_equal().await, 13);
    assert!(feeds.iter().all(|feed| !feed.0.is_finished()), "neither minds the other");
}

#[tokio::test]
async fn one_process_feeds_and_the_next_goes_on() {
    let base = base().await;
    let other = base.another(2, [9; 32]).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let index = base.index.clone();
    let first = tokio::spawn(async move { index.keep(async { drop(stopped.await) }).await });
    add(&*base.store, described(1, "Farmácia")).await;
    base.caught_up().await;
    let _second = other.fed();
    eventually("the other one looks on", async || other.index.figures().position_ms() > 0).await;
    assert_eq!(other.index.figures().written(), 0);
    stop.send(()).unwrap();
    first.await.unwrap();
    add(&*base.store, described(2, "Farmácia")).await;
    other.clock.advance(jiff::SignedDuration::from_secs(10));
    other.caught_up().await;
    assert_eq!(other.is_equal().await, 0);
    assert_eq!((other.index.figures().rebuilds(), other.index.figures().written()), (0, 1));
}

impl Movement {
    fn with(self, number: u8) -> Self {
        Self { id: id(number), ..self }
    }
}

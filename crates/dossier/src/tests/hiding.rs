//! What lies on the disk tells nothing of anybody.

use super::kit::{CPF, SHOP, app, app_in};
use crate::{Dossiers, OpenError, Settings};
use ficha_contract::Base;
use ficha_domain::{MovedClock, SeededRandom, World};
use ficha_seal::{FileKeys, Keyring};
use std::sync::Arc;

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[tokio::test]
async fn no_file_holds_a_number_a_name_or_an_amount_in_clear() {
    let app = app().await;
    for key in 0..20 {
        let key = format!("{CPF} {key}");
        let told = app.post_with(&[("idempotency-key", &key)], r#"{"cpf":"529.982.247-25"}"#, SHOP).await;
        assert!(told.text().contains("Maria Aparecida") && told.text().contains("1234.56"));
    }
    let files: Vec<_> = std::fs::read_dir(app.dir.path()).unwrap().map(|file| file.unwrap().path()).collect();
    let of_dossiers: Vec<_> =
        files.iter().filter(|path| path.to_string_lossy().contains("dossier.sqlite")).collect();
    assert_eq!(of_dossiers.len(), 3, "the file, its log and its index: {files:?}");
    let cpf = 52_998_224_725_u64;
    for path in &of_dossiers {
        let bytes = std::fs::read(path).unwrap();
        for word in
            ["52998224725", "529.982.247-25", "529982247", "Maria", "Aparecida", "1234.56", "patrimonies"]
        {
            assert!(!holds(&bytes, word.as_bytes()), "{word} in {}", path.display());
        }
        assert!(!holds(&bytes, &cpf.to_be_bytes()[2..]) && !holds(&bytes, &cpf.to_le_bytes()[..6]));
    }
    let log = std::fs::read(app.dir.path().join("dossier.sqlite-wal")).unwrap();
    assert!(holds(&log, b"shop"), "the search finds what is there: clients are in clear");
}

#[tokio::test]
async fn another_key_does_not_open_the_folder() {
    let app = app().await;
    app.keep(CPF, SHOP).await;
    let super::kit::App { dir, bases, clock, .. } = app;
    let other = dir.path().join("other.key");
    let world = World::new(Arc::new(MovedClock::at(super::kit::start())), Arc::new(SeededRandom::new(99)));
    FileKeys::at(&other).create(&world).unwrap();
    let keyring = Keyring::open(&FileKeys::at(&other)).unwrap();
    let given = bases.clone().map(|base| base as Arc<dyn Base>);
    let refused = Dossiers::open(dir.path(), given, &keyring, world, Settings::default()).await;
    assert!(matches!(refused.err(), Some(OpenError::Store(ficha_sqlite::Error::WrongKey { .. }))));
    assert_eq!(app_in(dir, bases, clock).await.get("/dossies", SHOP).await.status, 200);
}

/// A row moved into another's place does not open: what is sealed is bound to its id.
#[tokio::test]
async fn what_is_sealed_opens_in_its_own_place_only() {
    let app = app().await;
    let (one, two) = (app.keep(CPF, SHOP).await, app.keep(super::kit::OTHER_CPF, SHOP).await);
    let file = rusqlite::Connection::open(app.dir.path().join("dossier.sqlite")).unwrap();
    let swap = "UPDATE dossier SET body = (SELECT body FROM dossier WHERE number = 1) WHERE number = 2";
    assert_eq!(file.execute(swap, []).unwrap(), 1);
    assert_eq!(app.get(&one, SHOP).await.status, 200);
    let told = app.get(&two, SHOP).await;
    assert_eq!(told.code(), (503, "base_unavailable".to_owned()));
    assert!(!told.text().contains("Maria"));
}

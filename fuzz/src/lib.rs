//! What foreign bytes are read by. A target panics when a promise is broken; whatever it refuses is fine.
//!
//! The same functions run over the committed corpora with the tests (`crates/ficha/tests/corpus`), on any toolchain.
//!
//! # To add a target
//! A function here and its line in [`TARGETS`]; a file in `fuzz_targets/` and its `[[bin]]`; a few inputs in
//! `corpus/<name>/`, among them everything that ever broke it.

mod rows;

pub use rows::rows;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ficha_contract::{TokenVerifier, wire};
use ficha_domain::{
    Cpf, CpfValidation, Money, MovedClock, ObjectId, Purpose, ScopeSet, SeededRandom, World, parse_instant,
};
use ficha_identity::{Identity, IdentitySettings};
use ficha_seal::{KeyError, KeyProvider, Keyring, RootKey};
use std::{cell::OnceCell, sync::Arc};

/// Reads bytes; panics where a promise does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 7] = [
    ("cpf", cpf),
    ("money", money),
    ("moments", moments),
    ("token", token),
    ("spool", spool),
    ("bodies", bodies),
    ("rows", rows),
];

/// What is read as a CPF is written as eleven digits that are the same CPF again; strict takes no more than the form.
pub fn cpf(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let form = Cpf::parse(text, CpfValidation::Format);
    if let Ok(strict) = Cpf::parse(text, CpfValidation::Strict) {
        assert_eq!(form, Ok(strict));
        assert_eq!(Cpf::from_base(strict.as_u64() / 100), Some(strict));
    }
    if let Ok(cpf) = form {
        let written = cpf.to_string();
        assert!(written.len() == 11 && written.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(Cpf::parse(&written, CpfValidation::Format), form);
    }
}

/// An amount is itself after it was written, in both forms, and as JSON.
pub fn money(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let numbers = [text.parse::<Money>().ok(), serde_json::from_str(text).ok()];
    for money in numbers.into_iter().flatten() {
        assert_eq!(money.to_string().parse(), Ok(money));
        assert_eq!(money.to_shortest().parse(), Ok(money));
        assert_eq!(Money::from_cents(money.cents()), Ok(money));
        let json = serde_json::to_string(&money).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Money>(&json).ok(), Some(money));
        let number = serde_json::from_str::<Money>(&money.to_shortest());
        assert_eq!(number.ok(), Some(money), "as a JSON number");
    }
}

/// Days, instants, ids, scopes and purposes: what is read is read again from what is written.
pub fn moments(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(instant) = parse_instant(text) {
        assert_eq!(parse_instant(&instant.to_string()), Ok(instant));
    }
    let debt = serde_json::json!({ "value": "1.00", "date": text });
    if let Ok(debt) = serde_json::from_value::<wire::Debt>(debt) {
        assert_eq!(debt.date.to_string(), text, "a day has one form");
    }
    if let Ok(id) = text.parse::<ObjectId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(scopes) = text.parse::<ScopeSet>() {
        assert_eq!(scopes.to_string().parse(), Ok(scopes));
    }
    if let Ok(purpose) = text.parse::<Purpose>() {
        assert_eq!(purpose.as_str(), text);
    }
}

/// Only the issuer's own token is believed, and it only as it came. The first byte says what the rest is: a token; a
/// header, a line break and claims, unsigned; or what is done to a good token: a place, a byte, and so on.
pub fn token(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    ISSUER.with(|issuer| {
        let issuer = issuer.get_or_init(Issuer::open);
        let text = match kind % 3 {
            0 => String::from_utf8_lossy(rest).into_owned(),
            1 => unsigned(rest),
            _ => bent(&issuer.good, rest),
        };
        let believed = issuer.runtime.block_on(issuer.identity.verifier().verify(&text)).is_ok();
        assert_eq!(believed, text == issuer.good, "{text}");
    });
}

fn unsigned(data: &[u8]) -> String {
    let mut parts = data.splitn(3, |byte| *byte == b'\n').map(|part| URL_SAFE_NO_PAD.encode(part));
    let mut part = || parts.next().unwrap_or_default();
    format!("{}.{}.{}", part(), part(), part())
}

fn bent(good: &str, changes: &[u8]) -> String {
    let mut bytes = good.as_bytes().to_vec();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % bytes.len();
        bytes[at] = change[2] & 0x7f;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An issuer whose clock stands, with a token that is good.
struct Issuer {
    runtime: tokio::runtime::Runtime,
    identity: Identity,
    good: String,
    _folder: tempfile::TempDir,
}

thread_local! {
    static ISSUER: OnceCell<Issuer> = const { OnceCell::new() };
}

struct Root;

impl KeyProvider for Root {
    fn roots(&self) -> Result<Vec<RootKey>, KeyError> {
        Ok(vec![RootKey::new([7; 32])])
    }
}

impl Issuer {
    fn open() -> Self {
        Self::try_open().unwrap_or_else(|error| panic!("no issuer to ask: {error}"))
    }

    fn try_open() -> Result<Self, Box<dyn std::error::Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let folder = tempfile::tempdir()?;
        let clock = Arc::new(MovedClock::at(jiff::Timestamp::from_second(1_800_000_000)?));
        let world = World::new(clock, Arc::new(SeededRandom::new(7)));
        let (keyring, settings) = (Keyring::open(&Root)?, IdentitySettings::new("https://ficha.example"));
        let identity = runtime.block_on(Identity::open(folder.path(), &keyring, world, settings))?;
        let minted = runtime.block_on(identity.mint_local("loja", "debts:read".parse()?, None, 600))?;
        Ok(Self { runtime, identity, good: minted.token.reveal().to_owned(), _folder: folder })
    }
}

/// A spool's bytes: nothing is read beyond them, and whole frames are found in their order.
pub fn spool(data: &[u8]) {
    let _ = ficha_evidence::fuzzing::header(data);
    let mut end = 0;
    for (offset, len) in ficha_evidence::fuzzing::frames(data) {
        assert!(offset >= end && offset + len <= data.len(), "{offset} + {len} after {end}");
        end = offset + len;
    }
}

/// People and movements as feeding systems send them: what is taken has the bounds that the answers promise.
pub fn bodies(data: &[u8]) {
    let _ = serde_json::from_slice::<wire::DebtsPerson>(data);
    let _ = serde_json::from_slice::<wire::ScorePerson>(data);
    let Ok(row) = serde_json::from_slice::<wire::Movement>(data) else { return };
    let sent = row.cpf.clone();
    let Ok(movement) = ficha_events::Movement::accept(row, CpfValidation::Format) else { return };
    assert_eq!(Cpf::parse(&sent, CpfValidation::Format), Ok(movement.cpf));
    assert!(movement.description.chars().count() <= 1000);
    assert_eq!(parse_instant(&movement.date.to_string()), Ok(movement.date), "it can be written and read");
}

//! Temporary.
#![allow(
    clippy::all,
    missing_docs,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "x"
)]
use ficha_contract::TokenVerifier;
use ficha_domain::*;
use ficha_identity::*;
use ficha_seal::*;
use std::sync::Arc;
struct C;
impl Clock for C {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}
fn main() {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let world = World::new(Arc::new(C), Arc::new(SeededRandom::new(1)));
        let kp = FileKeys::at(&dir.path().join("k"));
        kp.create(&world).unwrap();
        let ring = Keyring::open(&kp).unwrap();
        let id =
            Identity::open(dir.path(), &ring, world.clone(), IdentitySettings::new("http://127.0.0.1:8080"))
                .await
                .unwrap();
        let t = id
            .mint_local("0193a5c0-0000-7000-8000-000000000001", "read".parse().unwrap(), None, 900)
            .await
            .unwrap()
            .token;
        println!("token bytes {}", t.reveal().len());
        let v = id.verifier();
        println!("future bytes {}", std::mem::size_of_val(&*v.verify(t.reveal())));
        for round in 0..5 {
            let n = 500_000u32;
            let s = std::time::Instant::now();
            for _ in 0..n {
                v.verify(t.reveal()).await.unwrap();
            }
            println!("hit {round}: {:?}", s.elapsed() / n);
        }
        let n = 500_000u32;
        let s = std::time::Instant::now();
        for _ in 0..n {
            std::hint::black_box(aws_lc_rs::digest::digest(
                &aws_lc_rs::digest::SHA256,
                std::hint::black_box(t.reveal().as_bytes()),
            ));
        }
        println!("sha256: {:?}", s.elapsed() / n);
        let s = std::time::Instant::now();
        for _ in 0..n {
            std::hint::black_box(world.now());
        }
        println!("now: {:?}", s.elapsed() / n);
        let n = 2_000u32;
        let s = std::time::Instant::now();
        for _ in 0..n {
            id.mint_local("x", "read".parse().unwrap(), None, 900).await.unwrap();
        }
        println!("mint: {:?}", s.elapsed() / n);
        let mut ts = Vec::new();
        for _ in 0..n {
            ts.push(id.mint_local("x", "read".parse().unwrap(), None, 900).await.unwrap().token);
        }
        let s = std::time::Instant::now();
        for t in &ts {
            v.verify(t.reveal()).await.unwrap();
        }
        println!("miss: {:?}", s.elapsed() / n);
    });
}

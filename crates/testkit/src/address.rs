//! Where a server of a test is, also while it is away.

use std::{
    net::{SocketAddr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

/// An address on the loopback that nobody takes while its server is away: from below the ports that the system gives to
/// whoever asks for one.
pub fn kept_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u32::from(std::process::id() as u16) * 64;
    loop {
        let next = begin + u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(10_000 + next % 20_000).unwrap_or(10_000);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

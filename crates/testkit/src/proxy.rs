//! A way to a server: open, hanging, closed, or cut in the middle of what it carries.

use ficha_domain::{Random, SeededRandom};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What becomes of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Everything goes through.
    Open,
    /// Nothing goes through, nothing is refused.
    Hanging,
    /// Connections end, and new ones end at once.
    Closed,
    /// Each connection ends once it has carried a random number of bytes below `there` to the server, or below `back`
    /// to who asked: so also between a request that arrived and its answer.
    Cut {
        /// Fewer bytes than these.
        there: u64,
        /// Fewer bytes than these.
        back: u64,
    },
}

/// Stands in front of a server. It ends with the test.
pub struct Proxy {
    /// The server's, by this way.
    pub url: String,
    way: watch::Sender<Way>,
}

impl Proxy {
    /// An open way to the server of this URL (`scheme://user@host:port/rest`). The seed chooses where it is cut.
    pub async fn before(url: &str, seed: u64) -> Self {
        let (user, rest) = url.split_once('@').expect("the URL names a user");
        let (server, path) = rest.split_once('/').expect("the URL names a database");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it has a port").port();
        let (way, _) = watch::channel(Way::Open);
        tokio::spawn(accept(listener, server.to_owned(), way.subscribe(), SeededRandom::new(seed)));
        Self { url: format!("{user}@127.0.0.1:{port}/{path}"), way }
    }

    /// Changes the way. Connections that are under way end where it becomes closed or cut.
    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn accept(listener: TcpListener, server: String, way: watch::Receiver<Way>, chance: SeededRandom) {
    while let Ok((client, _)) = listener.accept().await {
        let now = *way.borrow();
        let most = match now {
            Way::Closed => continue,
            Way::Cut { there, back } => [below(&chance, there), below(&chance, back)],
            Way::Open | Way::Hanging => [u64::MAX; 2],
        };
        let (server, way) = (server.clone(), way.clone());
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(server).await else { return };
            tokio::select! {
                () = carry(client, server, most, &way) => {}
                () = ended(way.clone(), now) => {}
            }
        });
    }
}

fn below(chance: &SeededRandom, most: u64) -> u64 {
    let mut bytes = [0; 8];
    chance.fill(&mut bytes);
    u64::from_le_bytes(bytes) % most.max(1)
}

/// Until the way is another one, on which connections do not go on.
async fn ended(mut way: watch::Receiver<Way>, made_on: Way) {
    let ends = |way: &Way| *way != made_on && matches!(way, Way::Closed | Way::Cut { .. });
    if way.wait_for(ends).await.is_err() {
        // The test lets the proxy go, not its connections.
        std::future::pending::<()>().await;
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, most: [u64; 2], way: &watch::Receiver<Way>) {
    let ([there, back], (asks, told), (answers, asked)) = (most, client.split(), server.split());
    tokio::select! {
        () = one_way(asks, asked, there, way.clone()) => {}
        () = one_way(answers, told, back, way.clone()) => {}
    }
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut left: u64,
    mut way: watch::Receiver<Way>,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let _ = way.wait_for(|way| *way != Way::Hanging).await;
        let part = &bytes[..usize::try_from(left).unwrap_or(count).min(count)];
        left -= part.len() as u64;
        if to.write_all(part).await.is_err() || part.len() < count {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    /// Sends back what it is sent.
    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("echo://me@{}/path", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut asks, mut answers) = client.split();
                    tokio::io::copy(&mut asks, &mut answers).await
                });
            }
        });
        url
    }

    async fn connect(proxy: &Proxy) -> TcpStream {
        let (_, address) = proxy.url.strip_suffix("/path").unwrap().split_once('@').unwrap();
        TcpStream::connect(address).await.unwrap()
    }

    /// How many of a thousand bytes come back.
    async fn come_back(stream: &mut TcpStream) -> usize {
        let _ = stream.write_all(&[7; 1000]).await;
        let (mut back, mut bytes) = (0, [0; 1000]);
        while back < 1000 {
            match stream.read(&mut bytes).await {
                Ok(count @ 1..) => back += count,
                _ => break,
            }
        }
        back
    }

    #[tokio::test]
    async fn a_way_is_open_hangs_and_is_closed() {
        let proxy = Proxy::before(&echo().await, 1).await;
        let mut stream = connect(&proxy).await;
        assert_eq!(come_back(&mut stream).await, 1000);
        proxy.set(Way::Hanging);
        let hung = timeout(Duration::from_millis(50), come_back(&mut stream)).await;
        assert!(hung.is_err());
        proxy.set(Way::Open);
        assert_eq!(stream.read_exact(&mut [0; 1000]).await.unwrap(), 1000, "nothing was lost");
        proxy.set(Way::Closed);
        assert_eq!(come_back(&mut stream).await, 0);
        assert_eq!(come_back(&mut connect(&proxy).await).await, 0);
        proxy.set(Way::Open);
        assert_eq!(come_back(&mut connect(&proxy).await).await, 1000);
    }

    #[tokio::test]
    async fn connections_are_cut_anywhere_on_either_way() {
        let proxy = Proxy::before(&echo().await, 1).await;
        for way in [Way::Cut { there: 2000, back: u64::MAX }, Way::Cut { there: u64::MAX, back: 2000 }] {
            proxy.set(way);
            let mut seen = Vec::new();
            for _ in 0..30 {
                seen.push(come_back(&mut connect(&proxy).await).await);
            }
            assert!(seen.contains(&1000), "{seen:?}");
            assert!(seen.iter().filter(|back| **back < 1000).count() > 5, "{seen:?}");
        }
    }
}

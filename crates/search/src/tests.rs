use crate::{Error, Method, Search, Settings, Taken, Write};
use ficha_testkit::Authority;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

const SECOND: Duration = Duration::from_secs(1);

fn write(id: &str, version: i64, text: &str) -> Write {
    Write { id: id.into(), version, document: json!({ "text": text }) }
}

/// What answers every connection so, after having read something.
async fn stub(answer: &'static str) -> Search {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://ana:se%40cret@{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 4096]).await;
            let length = answer.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
            let answer = answer.replacen("\r\n", &format!("\r\nContent-Length: {length}\r\n"), 1);
            let _ = client.write_all(answer.as_bytes()).await;
        }
    });
    Search::new(&Settings::parse(&url).unwrap()).unwrap()
}

#[tokio::test]
async fn errors_name_the_kind_and_repeat_nothing() {
    let quoting = stub(
        "HTTP/1.1 400 Bad Request\r\n\r\n{\"error\":{\"type\":\"mapper_parsing_exception\",\"reason\":\"Ana owes\"}}",
    );
    let told = quoting.await.ask(Method::POST, "/x", None, SECOND).await.unwrap_err().to_string();
    assert_eq!(told, "opensearch: 400 mapper_parsing_exception");
    let nonsense = stub("HTTP/1.1 200 OK\r\n\r\n<html>").await;
    assert!(matches!(nonsense.ask(Method::GET, "/", None, SECOND).await, Err(Error::Unreadable(_))));
    let partly = stub("HTTP/1.1 200 OK\r\n\r\n{\"items\":[{\"index\":{\"status\":201}},{\"index\":{\"status\":429,\"error\":{\"type\":\"busy\"}}}]}").await;
    let refused = partly.bulk("x", &[write("1", 1, ""), write("2", 1, "")]).await;
    assert!(matches!(refused, Err(Error::Refused { status: 429, .. })), "{refused:?}");
    let short = partly.bulk("x", &[write("1", 1, "")]).await;
    assert!(matches!(short, Err(Error::Unreadable(_))), "an answer for fewer writes is none");
}

/// Only a server whose certificate comes from the named authority is told the password.
#[tokio::test]
async fn a_server_is_believed_by_its_authority() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::{TlsAcceptor, rustls};
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::default());
    let shown = authority.give(dir.path(), "node", 2100);
    let certificate = CertificateDer::from_pem_file(&shown.certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(&shown.key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let tls = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate], key).unwrap()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://ana:se%40cret@{}", listener.local_addr().unwrap());
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(mut client) = tls.accept(client).await else { continue };
            let (mut asked, mut length) = ([0; 4096], 0);
            length += client.read(&mut asked).await.unwrap_or(length);
            told.send(String::from_utf8_lossy(&asked[..length]).into_owned()).unwrap();
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        }
    });
    let ask = async |authority: &Authority| {
        let pem = std::fs::read(authority.write(dir.path(), "ca")).unwrap();
        let settings = Settings::parse(&url).unwrap().trusting(&pem).unwrap();
        Search::new(&settings).unwrap().ask(Method::GET, "/", None, 5 * SECOND).await
    };
    let foreign = ask(&Authority::default()).await.unwrap_err().to_string();
    assert!(!foreign.contains("cret") && heard.try_recv().is_err(), "{foreign}");
    assert_eq!(ask(&authority).await.unwrap(), json!({}));
    let asked = heard.recv().await.unwrap().to_lowercase();
    assert!(asked.contains("authorization: basic yw5honnlqgnyzxq="), "{asked}");
}

#[tokio::test]
async fn who_is_away_costs_one_his_time_and_the_others_none() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let hanging = Search::new(&Settings::parse(&url).unwrap()).unwrap();
    let ask = async || hanging.ask(Method::GET, "/", None, SECOND / 5).await;
    assert!(matches!(ask().await, Err(Error::Late)));
    for _ in 0..5 {
        assert!(matches!(ask().await, Err(Error::Down)), "at once");
    }
}

/// What is gone and what is asked of it, on a real node.
mod opensearch {
    use super::*;

    fn node() -> (Search, String, ficha_testkit::opensearch::Guard) {
        let (url, name, guard) = ficha_testkit::opensearch::name();
        (Search::new(&Settings::parse(&url).unwrap()).unwrap(), format!("{name}_a"), guard)
    }

    async fn all(search: &Search, index: &str) -> Vec<(String, Value)> {
        let path = format!("/{index}/_refresh");
        search.ask(Method::POST, &path, None, 10 * SECOND).await.unwrap();
        let asked = json!({ "sort": [{ "text.keyword": "asc" }] });
        let path = format!("/{index}/_search");
        let said = search.ask(Method::POST, &path, Some(&asked), 10 * SECOND).await.unwrap();
        let hits = said["hits"]["hits"].as_array().unwrap().iter();
        hits.map(|hit| (hit["_id"].as_str().unwrap().into(), hit["_source"]["text"].clone())).collect()
    }

    #[tokio::test]
    async fn the_newest_version_stays_whatever_comes_last() {
        let (search, index, _guard) = node();
        search.create(&index).await.unwrap();
        assert_eq!(search.bulk(&index, &[]).await.unwrap(), Taken::default());
        let first = [write("1", 5, "a"), write("2", 5, "b"), write("1", 6, "c")];
        assert_eq!(search.bulk(&index, &first).await.unwrap(), Taken { new: 3, known: 0 });
        let repeated = [write("1", 5, "old"), write("1", 6, "same"), write("2", 7, "new")];
        assert_eq!(search.bulk(&index, &repeated).await.unwrap(), Taken { new: 1, known: 2 });
        let expected = [("1".to_owned(), json!("c")), ("2".to_owned(), json!("new"))];
        assert_eq!(all(&search, &index).await, expected);
    }

    #[tokio::test]
    async fn a_write_makes_no_index() {
        let (search, index, _guard) = node();
        search.create(&index).await.unwrap();
        search.ask(Method::DELETE, &format!("/{index}"), None, 10 * SECOND).await.unwrap();
        assert!(matches!(search.bulk(&index, &[write("1", 1, "")]).await, Err(Error::Missing)));
        let path = format!("/{index}/_search");
        let asked = search.ask(Method::POST, &path, Some(&json!({})), 10 * SECOND).await;
        assert!(matches!(asked, Err(Error::Missing)), "{asked:?}");
    }
}

//! HTTP/2: requests side by side, what is told about them, and clients that mean harm.

use std::future::Future;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, Response};
use rsgi_proto::{Body, Version};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::identities::Authority;
use super::stage::{Stage, head, value};

const PATIENCE: Duration = Duration::from_secs(20);

fn stage(authority: &Authority, change: impl FnOnce(&mut super::super::shop::Settings)) -> Stage {
    Stage::of(authority.config(authority.vouch("localhost")), change)
}

/// Runs `act` in a client of its own, on a thread of its own.
fn client<F: Future<Output = T>, T: Send + 'static>(
    stage: &Stage,
    authority: &Authority,
    act: impl FnOnce(TlsStream<TcpStream>) -> F + Send + 'static,
) -> JoinHandle<T> {
    let (address, config) = (stage.address, authority.client(&[b"h2"], None));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let socket = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let stream = TlsConnector::from(config).connect(name, socket).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            timeout(PATIENCE, act(stream)).await.expect("in time")
        })
    })
}

async fn begin(stream: TlsStream<TcpStream>) -> SendRequest<Bytes> {
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &SendRequest<Bytes>, request: Request<()>, body: Option<&'static [u8]>) -> Result<Got, h2::Error> {
    let mut sender = sender.clone().ready().await?;
    let (response, mut stream) = sender.send_request(request, body.is_none())?;
    if let Some(body) = body {
        stream.send_data(body.into(), true)?;
    }
    let (parts, mut incoming) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(data) = incoming.data().await {
        let data = data?;
        incoming.flow_control().release_capacity(data.len())?;
        body.extend(data);
    }
    Ok(Response::from_parts(parts, String::from_utf8(body).unwrap()))
}

type Got = Response<String>;

fn get(path: &str) -> Request<()> {
    Request::get(format!("https://localhost{path}")).body(()).unwrap()
}

#[test]
fn a_request_arrives_like_any_other() {
    let authority = Authority::new();
    let stage = stage(&authority, |settings| settings.hsts = Some(60));
    let mut core = stage.core();
    let client = client(&stage, &authority, async |stream| {
        let sender = begin(stream).await;
        let request = Request::post("https://localhost/a%20b?c=d").header("cookie", "a=1").header("cookie", "b=2");
        ask(&sender, request.header("x-one", "1").body(()).unwrap(), Some(b"abc")).await.unwrap()
    });
    let (request, vars) = core.request();
    assert_eq!((request.version, request.body), (Version::Http2, Body::Chunked));
    let keys = ["SERVER_PROTOCOL", "HTTPS", "HTTP_HOST", "PATH_INFO", "QUERY_STRING", "HTTP_COOKIE", "HTTP_X_ONE"];
    let told = keys.map(|key| value(&vars, key));
    assert_eq!(told, ["HTTP/2.0", "on", "localhost", "/a b", "c=d", "a=1; b=2", "1"]);
    assert_eq!(value(&vars, "HTTP_TRANSFER_ENCODING"), "(none)");
    assert_eq!(core.body(), b"abc");
    core.send(&super::stage::whole("200 OK", "X-Two: 2\r\nConnection: close\r\nKeep-Alive: x\r\n", b"hello"));
    let answer = client.join().unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().as_str()), (200, "hello"));
    let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!((header("x-two"), header("connection"), header("keep-alive")), (Some("2"), None, None));
    assert_eq!(header("strict-transport-security"), Some("max-age=60"));
    assert_eq!(header("content-length"), Some("5"));
}

#[test]
fn requests_go_side_by_side_over_links_of_their_own() {
    let authority = Authority::new();
    let stage = stage(&authority, |_| {});
    let (mut one, mut two) = (stage.core_of(1, 0), stage.core_of(1, 1));
    let client = client(&stage, &authority, async |stream| {
        let sender = begin(stream).await;
        let (first, second) = tokio::join!(ask(&sender, get("/same"), None), ask(&sender, get("/same"), None));
        (first.unwrap().into_body(), second.unwrap().into_body())
    });
    // Both are at work before either has an answer.
    assert_eq!((one.path(), two.path()), ("/same".into(), "/same".into()));
    one.reply("x");
    two.reply("x");
    assert_eq!(client.join().unwrap(), ("x".to_owned(), "x".to_owned()));
}

#[test]
fn a_long_answer_flows_and_a_broken_one_is_reset() {
    let authority = Authority::new();
    let stage = stage(&authority, |_| {});
    let mut core = stage.core();
    let client = client(&stage, &authority, async |stream| {
        let sender = begin(stream).await;
        let whole = ask(&sender, get("/long"), None).await.unwrap().into_body().len();
        (whole, ask(&sender, get("/broken"), None).await.unwrap_err().to_string())
    });
    core.path();
    core.send(&head("200 OK", "", |_| {}));
    for _ in 0..20 {
        core.data(&[b'x'; 60_000]);
    }
    core.finish();
    core.path();
    core.send(&head("200 OK", "Content-Length: 10\r\n", |_| {}));
    core.data(b"abc");
    core.finish();
    let (length, error) = client.join().unwrap();
    assert_eq!(length, 1_200_000);
    assert!(error.contains("error"), "{error}");
}

#[test]
fn refusals_are_answers() {
    let authority = Authority::new();
    let stage = stage(&authority, |settings| {
        settings.body = Some(5);
        settings.head.head = 16 * 1024;
    });
    let client = client(&stage, &authority, async |stream| {
        let sender = begin(stream).await;
        let hosts = Request::get("https://localhost/").header("host", "elsewhere").body(()).unwrap();
        let large = Request::post("https://localhost/").header("content-length", 6).body(()).unwrap();
        let long = Request::get("https://localhost/").header("x", "y".repeat(40_000)).body(()).unwrap();
        let huge = Request::get("https://localhost/").header("x", "y".repeat(80_000)).body(()).unwrap();
        let mut codes = Vec::new();
        for (request, body) in [(hosts, None), (large, Some(&b"abcdef"[..])), (long, None), (huge, None)] {
            codes.push(ask(&sender, request, body).await.unwrap().status().as_u16());
        }
        codes
    });
    assert_eq!(client.join().unwrap(), [400, 413, 431, 431]);
}

#[test]
fn what_head_is_answered_has_no_body() {
    let authority = Authority::new();
    let mut config = authority.config(authority.vouch("localhost"));
    config.monitoring.ready = Some("/ready".into());
    let stage = Stage::of(config, |settings| {
        (settings.body, settings.connect_timeout) = (Some(5), Duration::from_millis(200));
    });
    let client = client(&stage, &authority, async |stream| {
        let sender = begin(stream).await;
        let head = |path: &str| Request::head(format!("https://localhost{path}"));
        let mut answers = Vec::new();
        for (request, body) in [
            (head("/ready"), None),
            (head("/").header("host", "elsewhere"), None),
            (head("/").header("content-length", 6), Some(&b"abcdef"[..])),
            (head("/"), None),
        ] {
            let answer = ask(&sender, request.body(()).unwrap(), body).await.unwrap();
            let length: usize = answer.headers()["content-length"].to_str().unwrap().parse().unwrap();
            assert!(length > 0);
            answers.push((answer.status().as_u16(), answer.into_body()));
        }
        answers
    });
    let none = String::new;
    assert_eq!(client.join().unwrap(), [(503, none()), (400, none()), (413, none()), (503, none())]);
}

#[test]
fn a_body_unlike_its_length_resets_the_stream_only() {
    let authority = Authority::new();
    let stage = stage(&authority, |_| {});
    let client = client(&stage, &authority, async |stream| {
        let sender = begin(stream).await;
        let post = |length: u32| Request::post("https://localhost/").header("content-length", length).body(()).unwrap();
        let short = ask(&sender, post(9), Some(b"abc")).await;
        let long = ask(&sender, post(2), Some(b"abc")).await;
        (short.is_err(), long.is_err(), ask(&sender, get("/"), None).await.unwrap().status().as_u16())
    });
    let mut core = stage.core();
    assert_eq!(core.path(), "/");
    core.reply("x");
    assert_eq!(client.join().unwrap(), (true, true, 200));
}

#[test]
fn who_takes_requests_back_again_and_again_is_cut_off() {
    let authority = Authority::new();
    let stage = stage(&authority, |_| {});
    let client = client(&stage, &authority, async |stream| {
        let sender = begin(stream).await;
        for round in 0..2000 {
            let Ok(mut ready) = sender.clone().ready().await else { return Some(round) };
            let Ok((response, mut stream)) = ready.send_request(get("/"), true) else { return Some(round) };
            tokio::task::yield_now().await;
            stream.send_reset(h2::Reason::CANCEL);
            drop(response);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        None
    });
    let rounds = client.join().unwrap().expect("the connection ends");
    assert!(rounds >= 20, "{rounds}");
    // Nothing of that is left: the next client is served.
    let mut core = stage.core();
    let next = self::client(&stage, &authority, async |stream| {
        ask(&begin(stream).await, get("/next"), None).await.unwrap().status().as_u16()
    });
    assert_eq!(core.path(), "/next");
    core.reply("x");
    assert_eq!(next.join().unwrap(), 200);
}

#[test]
fn who_takes_nothing_of_an_answer_loses_that_stream() {
    let authority = Authority::new();
    let stage = stage(&authority, |settings| settings.timeout = Duration::from_millis(500));
    let mut core = stage.core();
    let client = client(&stage, &authority, async |stream| {
        let sender = begin(stream).await;
        let mut ready = sender.clone().ready().await.unwrap();
        let (response, _) = ready.send_request(get("/slow"), true).unwrap();
        let mut body = response.await.unwrap().into_body();
        // The window is never opened again.
        while let Some(piece) = body.data().await {
            if let Err(error) = piece {
                return error.reason();
            }
        }
        None
    });
    core.path();
    core.send(&head("200 OK", "", |_| {}));
    let mut out = Vec::new();
    for _ in 0..40 {
        out.extend(super::stage::frame(&[b'x'; 60_000], false));
    }
    let mut socket = core.socket.try_clone().unwrap();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut socket, &out));
    assert_eq!(client.join().unwrap(), Some(h2::Reason::CANCEL));
    drop(stage);
    let _ = writer.join().unwrap();
}

#[test]
fn draining_says_goodbye_and_finishes() {
    let authority = Authority::new();
    let mut stage = stage(&authority, |_| {});
    let mut core = stage.core();
    let client = client(&stage, &authority, async |stream| {
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let answer = ask(&sender, get("/"), None).await.unwrap().into_body();
        drop(sender);
        (answer, connection.await.unwrap().map_err(|error| error.to_string()))
    });
    core.path();
    stage.order(crate::control::Order::Drain);
    std::thread::sleep(Duration::from_millis(100));
    core.reply("last");
    assert_eq!(client.join().unwrap(), ("last".to_owned(), Ok(())));
    stage.join();
}

#[test]
fn draining_waits_for_answers_that_are_on_their_way() {
    let authority = Authority::new();
    let mut stage = stage(&authority, |_| {});
    let mut core = stage.core();
    let client = client(&stage, &authority, async |stream| {
        // The window holds a small part of the answer, and hyper has all of it.
        let mut client = h2::client::Builder::new();
        let (sender, connection) = client.initial_window_size(1000).handshake::<_, Bytes>(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let (response, _) = sender.ready().await.unwrap().send_request(get("/"), true).unwrap();
        let mut body = response.await.unwrap().into_body();
        let mut length = 0;
        while let Some(piece) = body.data().await {
            let piece = piece.unwrap();
            if length == 0 {
                // Longer than a connection without requests has.
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
            length += piece.len();
            body.flow_control().release_capacity(piece.len()).unwrap();
        }
        drop(body);
        (length, connection.await.unwrap().map_err(|error| error.to_string()))
    });
    core.path();
    stage.order(crate::control::Order::Drain);
    core.send(&super::stage::whole("200 OK", "", &[b'x'; 20_000]));
    assert_eq!(client.join().unwrap(), (20_000, Ok(())));
    stage.join();
}

#[test]
fn harakiri_ends_one_stream_and_no_other() {
    let authority = Authority::new();
    let stage = stage(&authority, |settings| settings.harakiri = Some(Duration::from_millis(400)));
    let (mut one, mut two) = (stage.core_of(1, 0), stage.core_of(1, 1));
    let client = client(&stage, &authority, async |stream| {
        let sender = begin(stream).await;
        let (silent, begun) = tokio::join!(ask(&sender, get("/x"), None), ask(&sender, get("/x"), None));
        let codes = [silent, begun].map(|got| got.map_err(|error| error.reason()).map(|got| got.status().as_u16()));
        (codes, ask(&sender, get("/next"), None).await.unwrap().into_body())
    });
    one.path();
    two.path();
    two.send(&head("200 OK", "", |_| {}));
    two.data(b"begun");
    // Both are told that nobody waits any more; the one that has not begun must still end its answer.
    assert_eq!([one.next(), two.next()], [super::stage::Said::Abort, super::stage::Said::Abort]);
    two.finish();
    assert_eq!(two.path(), "/next");
    two.reply("next");
    let (mut codes, next) = client.join().unwrap();
    codes.sort_by_key(Result::is_err);
    assert_eq!((codes, next), ([Ok(504), Err(Some(h2::Reason::CANCEL))], "next".to_owned()));
}

#[test]
fn a_stream_for_a_site_with_other_client_certificates_is_misdirected() {
    let authority = Authority::new();
    let mut config = authority.config(authority.vouch("localhost"));
    let guarded = rsgi_config::Tls { client_ca: Some("ca.crt".into()), ..authority.vouch("secret.test") };
    config.router.sni.push(("secret.test".into(), guarded));
    let stage = Stage::of(config, |_| {});
    let mut core = stage.core();
    let client = client(&stage, &authority, async |stream| {
        let sender = begin(stream).await;
        let mut codes = Vec::new();
        for host in ["secret.test", "localhost"] {
            let request = Request::get(format!("https://{host}/")).body(()).unwrap();
            codes.push(ask(&sender, request, None).await.unwrap().status().as_u16());
        }
        codes
    });
    core.path();
    core.reply("x");
    assert_eq!(client.join().unwrap(), [421, 200]);
}

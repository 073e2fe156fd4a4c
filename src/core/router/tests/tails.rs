//! The end of an answer that lies within TLS: written, as far as hyper can tell, and not with the kernel yet. Here the socket is
//! none, and the clock moves when nothing else does.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rsgi_config::Config;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::sleep;

use super::super::client::Client;
use super::super::connection;
use super::super::gate::Wire;
use super::super::shop::{Settings, Shop};

/// Takes all that is written, and holds it back.
#[derive(Default)]
struct Held {
    input: VecDeque<u8>,
    /// The client sends no more.
    ended: bool,
    output: Vec<u8>,
    flows: bool,
    /// Bytes that the client has of what it gets.
    passed: u64,
    closed: bool,
    reset: bool,
    wakers: Vec<Waker>,
}

#[derive(Clone, Default)]
struct Socket(Rc<RefCell<Held>>);

impl Socket {
    fn change(&self, change: impl FnOnce(&mut Held)) {
        let mut held = self.0.borrow_mut();
        change(&mut held);
        held.wakers.drain(..).for_each(Waker::wake);
    }

    fn poll(&self, context: &mut Context<'_>, act: impl FnOnce(&mut Held) -> bool) -> Poll<io::Result<()>> {
        let mut held = self.0.borrow_mut();
        if act(&mut held) {
            return Poll::Ready(Ok(()));
        }
        held.wakers.push(context.waker().clone());
        Poll::Pending
    }

    fn answers(&self) -> usize {
        self.0.borrow().output.windows(7).filter(|window| window == b"HTTP/1.").count()
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll(context, |held| {
            let count = held.input.len().min(out.remaining());
            held.input.drain(..count).for_each(|byte| out.put_slice(&[byte]));
            count > 0 || held.ended
        })
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().output.extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(context, |held| held.flows)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(context, |held| {
            held.closed |= held.flows;
            held.flows
        })
    }
}

impl Wire for Socket {
    fn reset(&self) {
        self.0.borrow_mut().reset = true;
    }

    fn unsent(&self) -> u64 {
        0
    }

    fn passed(&self) -> Option<u64> {
        Some(self.0.borrow().passed)
    }
}

struct Scene {
    socket: Socket,
    shop: Rc<Shop>,
    connection: JoinHandle<()>,
}

/// A connection whose client has sent `request`.
fn play<F: Future<Output = ()>>(change: impl FnOnce(&mut Settings), request: &[u8], act: impl FnOnce(Scene) -> F) {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async {
        let mut settings = Settings::new(&Config::default());
        (settings.body, settings.least) = (Some(5), None);
        change(&mut settings);
        let shop = Rc::new(Shop::new(settings));
        let client = Rc::new(Client::new(Rc::clone(&shop), "127.0.0.1".into(), None, "443".into()));
        let socket = Socket::default();
        socket.change(|held| held.input.extend(request));
        let connection = spawn_local(connection::serve(socket.clone(), client));
        act(Scene { socket, shop, connection }).await;
    });
}

/// A body that is refused unread, and looks like requests.
fn refused() -> Vec<u8> {
    let hidden = b"GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n";
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n".as_slice();
    [head, &hidden.repeat(10_000)].concat()
}

#[test]
fn a_connection_whose_answer_is_not_out_yet_is_no_idle_one() {
    let second = Some(Duration::from_secs(1));
    for (keepalive, retires) in [(Some(Duration::from_secs(75)), false), (second, false), (second, true), (None, false)]
    {
        play(
            |settings| settings.keepalive = keepalive,
            &refused(),
            async |Scene { socket, shop, connection }| {
                sleep(Duration::from_millis(10)).await;
                assert_eq!(socket.answers(), 1);
                if retires {
                    shop.close(true);
                }
                sleep(Duration::from_secs(30)).await;
                assert!(!connection.is_finished(), "the end of the answer is lost: {keepalive:?}, {retires}");
                socket.change(|held| held.flows = true);
                sleep(Duration::from_millis(10)).await;
                assert!(socket.0.borrow().closed, "the answer has said that it is the last");
                socket.change(|held| held.ended = true);
                connection.await.unwrap();
                assert_eq!(socket.answers(), 1, "what belongs to a body is no request");
                assert!(!socket.0.borrow().reset);
            },
        );
    }
}

#[test]
fn who_does_not_take_the_end_of_its_answer_is_cut_off_in_time() {
    let change = |settings: &mut Settings| settings.timeout = Duration::from_secs(20);
    play(change, &refused(), async |Scene { socket, connection, .. }| {
        for _ in 0..3 {
            sleep(Duration::from_secs(15)).await;
            assert!(!connection.is_finished(), "something has moved");
            socket.change(|held| held.passed += 1000);
        }
        sleep(Duration::from_secs(21)).await;
        assert!(connection.is_finished() && socket.0.borrow().reset);
    });
}

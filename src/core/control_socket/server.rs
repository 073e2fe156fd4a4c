//! The master's side: who may ask, and lines in and out. What is asked goes through a channel to the master's loop.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Duration, sleep};

use super::place;
use super::protocol::{LONGEST, Reply, Request, refusal};

/// Connections at a time; further ones wait in the kernel's queue.
const CLIENTS: usize = 32;

/// Something asked, by a user who may.
#[derive(Debug)]
pub struct Asked {
    /// What.
    pub request: Request,
    /// By whom.
    pub uid: u32,
    /// The way back.
    pub reply: Reply,
    /// The connection, for an answer that another program will give.
    pub connection: Option<OwnedFd>,
}

/// A listening control socket, until this is dropped. Connections that are open stay until their clients leave.
#[derive(Debug)]
pub struct Server {
    accepting: JoinHandle<()>,
    listener: OwnedFd,
}

impl Server {
    /// Listens on the socket that the process id of this master names.
    ///
    /// # Errors
    /// When somebody else has taken the name.
    pub fn here(sender: UnboundedSender<Asked>) -> io::Result<Self> {
        Self::on(StdListener::bind_addr(&place::address(std::process::id())?)?, sender)
    }

    /// Serves on a socket that listens already.
    ///
    /// # Errors
    /// When the kernel has no descriptors left.
    pub fn on(listener: StdListener, sender: UnboundedSender<Asked>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let kept = listener.try_clone()?.into();
        let listener = UnixListener::from_std(listener)?;
        Ok(Self { accepting: spawn_local(accept(listener, sender)), listener: kept })
    }

    /// The socket, to be served on by the program that this process becomes.
    #[must_use]
    pub fn listener(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: UnixListener, sender: UnboundedSender<Asked>) {
    let room = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let permit = Arc::clone(&room).acquire_owned().await;
        let accepted = listener.accept().await.and_then(|(stream, _)| Ok((stream.peer_cred()?.uid(), stream)));
        match accepted {
            Ok((uid, stream)) if may(uid) => {
                let sender = sender.clone();
                spawn_local(async move {
                    serve(stream, uid, sender).await;
                    drop(permit);
                });
            }
            // Others get their answer without having asked, and so can hold nothing up.
            Ok((uid, stream)) => {
                let why = format!("user {uid} may not control this instance: root and the user it runs as may");
                let _ = stream.try_write(line(&refusal(why)).as_bytes());
            }
            Err(error) => {
                tracing::warn!("control socket: no client can be accepted: {error}");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Serves one client until it leaves, or its line is no line.
async fn serve(stream: UnixStream, uid: u32, sender: UnboundedSender<Asked>) {
    let connection = stream.as_fd().try_clone_to_owned().ok();
    let (input, mut output) = stream.into_split();
    let mut input = BufReader::new(input);
    loop {
        let mut asked = Vec::new();
        let Ok(1..) = (&mut input).take(LONGEST as u64).read_until(b'\n', &mut asked).await else { return };
        let is_too_long = asked.len() >= LONGEST;
        let answer = match is_too_long {
            true => refusal(format!("a line may have {LONGEST} bytes")),
            false => ask(&asked, uid, connection.as_ref(), &sender).await,
        };
        if output.write_all(line(&answer).as_bytes()).await.is_err() || is_too_long {
            return;
        }
    }
}

fn line(answer: &Value) -> String {
    format!("{answer}\n")
}

/// Whether a user may ask: those who could send the master signals as well.
fn may(uid: u32) -> bool {
    uid == 0 || uid == nix::unistd::geteuid().as_raw()
}

async fn ask(line: &[u8], uid: u32, connection: Option<&OwnedFd>, sender: &UnboundedSender<Asked>) -> Value {
    let request: Request = match serde_json::from_slice(line) {
        Ok(request) => request,
        Err(error) => return refusal(error.to_string()),
    };
    let (reply, answer) = Reply::new();
    let is_upgrade = matches!(request, Request::Upgrade { .. });
    let connection = connection.filter(|_| is_upgrade).and_then(|fd| fd.try_clone().ok());
    let sent = sender.send(Asked { request, uid, reply, connection }).is_ok();
    match answer.await {
        Ok(answer) if sent => answer,
        _ => refusal("the instance has ended"),
    }
}

/// The next thing asked; never, when nobody can ask.
pub async fn next(asked: &mut tokio::sync::mpsc::UnboundedReceiver<Asked>) -> Asked {
    match asked.recv().await {
        Some(asked) => asked,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::{BufRead, Write};
    use std::os::unix::net::UnixStream as StdStream;
    use tokio::sync::mpsc::unbounded_channel;

    /// Sends `text`, with a master that answers a ping at once and keeps the reply to `status` until the next ping.
    fn talk(text: &'static [u8]) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("control");
            let (sender, mut asked) = unbounded_channel();
            let _server = Server::on(StdListener::bind(&path).unwrap(), sender).unwrap();
            let client = std::thread::spawn(move || {
                let mut stream = StdStream::connect(path).unwrap();
                stream.write_all(text).unwrap();
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                std::io::BufReader::new(stream).lines().map_while(Result::ok).collect::<Vec<_>>()
            });
            while !client.is_finished() {
                tokio::select! {
                    Asked { request, uid, reply, .. } = next(&mut asked) => match request {
                        Request::Ping => reply.done(json!({ "uid": uid == nix::unistd::geteuid().as_raw() })),
                        Request::Status => drop(spawn_local(async { reply.done(json!({ "late": 1 })) })),
                        _ => drop(reply),
                    },
                    () = sleep(Duration::from_millis(1)) => {}
                }
            }
            client.join().unwrap()
        })
    }

    #[test]
    fn each_line_has_its_answer() {
        let lines = talk(
            b"{\"do\":\"ping\"}\n{\"do\":\"status\"}\nnonsense\n{\"do\":\"drain\",\"worker\":1}\n{\"do\":\"ping\"}",
        );
        insta::assert_snapshot!(lines.join("\n"), @r#"
        {"ok":true,"uid":true}
        {"late":1,"ok":true}
        {"error":"expected ident at line 1 column 2","ok":false}
        {"error":"the instance has ended","ok":false}
        {"ok":true,"uid":true}
        "#);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let lines = talk(&[b'x'; LONGEST + 10]);
        assert_eq!(lines, [r#"{"error":"a line may have 65536 bytes","ok":false}"#]);
    }

    #[test]
    fn others_may_not() {
        assert!(may(0) && may(nix::unistd::geteuid().as_raw()));
        assert!(!may(nix::unistd::geteuid().as_raw().wrapping_add(1)));
    }
}

//! Clients on bad lines. Half of them send a head of a request byte by byte, half read a large answer drop by drop.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::plan::Plan;

/// Between two bytes of a head.
const BYTE: Duration = Duration::from_millis(100);
/// Between two kilobytes of an answer.
const KILOBYTE: Duration = Duration::from_millis(50);

pub(crate) struct Clients {
    ends: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    pub(crate) fn start(plan: &Plan) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let threads = (0..plan.slow).map(|number| {
            let (ends, address) = (Arc::clone(&ends), plan.address);
            let sends = number % 2 == 0;
            let request = plan.request(if sends { &plan.path } else { &plan.large });
            std::thread::spawn(move || {
                while !ends.load(Relaxed) {
                    // Whatever comes of it, the next one is as slow.
                    let _ = connect(address).and_then(|stream| {
                        if sends {
                            send(stream, request.as_bytes(), &ends)
                        } else {
                            read(stream, request.as_bytes(), &ends)
                        }
                    });
                    std::thread::sleep(BYTE);
                }
            })
        });
        Self { threads: threads.collect(), ends }
    }

    /// Lets them go.
    pub(crate) fn end(self) {
        self.ends.store(true, Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

/// With little room for what comes, so that a sender soon has to wait.
fn connect(address: std::net::SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_recv_buffer_size(4096)?;
    socket.set_tcp_nodelay(true)?;
    socket.connect_timeout(&address.into(), Duration::from_secs(2))?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    socket.set_write_timeout(Some(Duration::from_secs(1)))?;
    Ok(socket.into())
}

fn send(mut stream: TcpStream, request: &[u8], ends: &AtomicBool) -> std::io::Result<()> {
    for byte in request {
        if ends.load(Relaxed) {
            return Ok(());
        }
        stream.write_all(&[*byte])?;
        std::thread::sleep(BYTE);
    }
    stream.read(&mut [0; 4096]).map(drop)
}

fn read(mut stream: TcpStream, request: &[u8], ends: &AtomicBool) -> std::io::Result<()> {
    stream.write_all(request)?;
    let mut buffer = [0; 1024];
    while !ends.load(Relaxed) && stream.read(&mut buffer)? > 0 {
        std::thread::sleep(KILOBYTE);
    }
    Ok(())
}

//! Websockets as applications for uWSGI use them, through every door.

mod doors;
mod endings;
mod frames;
mod handshakes;
mod socket;
mod timing;

use crate::support::{Running, Server};

/// `http-socket` on 3031, `http` on 9090.
#[track_caller]
fn serve(options: &str) -> Running {
    let doors = "--http-socket {ip}:3031 --http {ip}:9090 --http-websockets";
    Server::new(&format!("{doors} --wsgi-file {{apps}}/websocket.py {options}")).start()
}

/// Both doors of [`serve`].
const DOORS: [u16; 2] = [3031, 9090];

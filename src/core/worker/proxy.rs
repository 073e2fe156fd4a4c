//! The PROXY header before a connection's first byte: who the client of the proxy is.

use rsgi_proto::proxy::{self, LONGEST};

use super::connection::{Connection, Phase};
use super::core::{Core, Fate};
use super::decode::Refusal;
use super::progress::{Read, begin_linger};

impl Core<'_> {
    /// Reads the header. `None`: it is read, go on with what follows.
    pub(super) fn hear_proxy(&mut self, connection: &mut Connection) -> Option<Fate> {
        connection.head_began.get_or_insert_with(|| self.engine.now());
        loop {
            match proxy::decode(connection.input.data()) {
                Ok(Some(header)) => {
                    connection.input.consume(header.consumed);
                    if let Some(client) = header.source {
                        connection.rename(client);
                    }
                    connection.phase = self.engine.second_phase(connection.listener);
                    connection.head_began = None;
                    return (!self.admit(connection)).then_some(Fate::Close);
                }
                Ok(None) => {}
                Err(malformed) => return Some(self.refuse_proxy(connection, &malformed)),
            }
            match self.read(connection, LONGEST) {
                Read::More => {}
                Read::Nothing => return Some(Fate::Wait),
                Read::Over => return Some(Fate::Close),
            }
        }
    }

    fn refuse_proxy(&mut self, connection: &mut Connection, malformed: &proxy::Malformed) -> Fate {
        if let Phase::Hello(_) = self.engine.second_phase(connection.listener) {
            // Whoever expects TLS could not read an answer.
            tracing::warn!("client {}: {malformed}, connection closed", connection.peer_name());
            return begin_linger(connection, self.engine);
        }
        self.refuse(connection, &Refusal::status(400, malformed.to_string()))
    }
}

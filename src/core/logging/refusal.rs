//! Requests that a router answers itself, or breaks off: the line of the log, and the record of `log-json`.

use super::{Member, Weight, printable};

/// What is to be told.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// Status of the answer.
    pub status: u16,
    /// Who has to mend it: `client`, `worker`, `server`.
    pub fault: &'a str,
    /// `address:port`, or `unix`.
    pub client: &'a str,
    /// Method and target; empty when they are not known.
    pub request: &'a str,
    /// What is wrong.
    pub reason: &'a str,
}

impl Refusal<'_> {
    /// Writes it. A client's fault is nothing that the operator of the server can mend.
    pub fn log(&self) {
        let Self { status, fault, client, request, reason } = *self;
        let weight = if fault == "client" { Weight::Info } else { Weight::Warning };
        let plain = printable(&format!("{reason} status={status} fault={fault} client={client} request={request}"));
        super::fact(weight, "refusal", reason, &plain, &self.members());
    }

    /// The names of request lines, so that one query finds both.
    fn members(&self) -> Vec<(&'static str, Member<'_>)> {
        let (addr, port) = self.client.rsplit_once(':').unwrap_or_default();
        let (method, uri) = self.request.split_once(' ').unwrap_or_default();
        let mut members = vec![
            ("status", Member::Number(self.status.into())),
            ("fault", Member::Text(self.fault)),
            ("addr", Member::Text(addr)),
            ("method", Member::Text(method)),
            ("uri", Member::Text(uri)),
        ];
        members.extend(port.parse().ok().map(|port| ("port", Member::Number(port))));
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::{Dress, dressed_fact};

    #[test]
    fn members_are_those_of_request_lines() {
        let refusal = Refusal { status: 502, fault: "worker", client: "::1:70", request: "GET /a b", reason: "gone" };
        let text = |refusal: Refusal<'_>| {
            let record =
                dressed_fact(Some(&Dress::Json), Weight::Info, "refusal", refusal.reason, "", &refusal.members());
            let text = String::from_utf8(record).unwrap();
            text.split_once("\"message\"").unwrap().1.to_owned()
        };
        assert_eq!(
            text(refusal),
            ":\"gone\",\"status\":502,\"fault\":\"worker\",\"addr\":\"::1\",\"method\":\"GET\",\"uri\":\"/a b\",\"port\":70}\n"
        );
        let unknown = Refusal { client: "unix", request: "", ..refusal };
        assert_eq!(text(unknown), ":\"gone\",\"status\":502,\"fault\":\"worker\"}\n");
    }
}

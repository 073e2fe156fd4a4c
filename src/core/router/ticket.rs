//! A request head's two translations: into the HEAD frame for a worker, and into the few lines that hyper needs.

use bytes::{Buf, BytesMut};
use rsgi_proto::http1::request::{self, Head, Method, Peer};
use rsgi_proto::http1::{Limits, Reject};
use rsgi_proto::link::{self, Request, ToWorker, WorkerEnd};
use rsgi_proto::vars::Vars;
use rsgi_proto::{Body, Progress, Version, names};

use super::client::Client;
use crate::health::Probe;

/// A request as the gate has read it.
#[derive(Debug)]
pub(super) struct Ticket {
    /// Its framing facts.
    pub(super) head: Head,
    /// Its HEAD frame, ready to be sent.
    pub(super) frame: Vec<u8>,
    /// It may be a request for a file.
    pub(super) is_claimed: bool,
    /// It is never turned away for want of idle cores.
    pub(super) is_exempt: bool,
    /// It is a health check, which is answered here.
    pub(super) probe: Option<Probe>,
    /// It offers a websocket, and those may pass: what follows is no request.
    pub(super) offers_websocket: bool,
}

/// Takes one head off `input`, if there is one, and makes its HEAD frame. `told`: the head came in another version of
/// HTTP and was only told in this one.
pub(super) fn decode(
    client: &Client,
    input: &mut BytesMut,
    limits: &Limits,
    told: Option<Version>,
) -> Result<Option<Ticket>, Reject> {
    let settings = &client.shop.settings;
    let peer = Peer {
        server_name: settings.server_name.as_bytes(),
        server_port: client.server_port.as_bytes(),
        remote_addr: client.address.as_bytes(),
        remote_port: client.port.as_deref().map(str::as_bytes),
        https: client.secure.is_some(),
    };
    let mut vars = client.shop.vars.borrow_mut();
    let mut head = Head::default();
    if request::decode(input, &peer, limits, &mut vars, &mut head)? == Progress::NeedMore {
        return Ok(None);
    }
    if settings.modifier1 != 0 {
        return Err(Reject::new(501, "http-modifier1 names a plugin that there is not"));
    }
    if let Some(version) = told {
        head.version = version;
        vars.set_text(names::SERVER_PROTOCOL, version.name().as_bytes());
        vars.remove(names::HTTP_TRANSFER_ENCODING);
    }
    let host = vars.get(input, names::HTTP_HOST).unwrap_or_default();
    if client.entrance.as_ref().is_some_and(|entrance| !entrance.leads_to(host)) {
        return Err(Reject::new(421, "this host asks for other client certificates: connect to it by its name"));
    }
    let offers_websocket = settings.websockets && told.is_none() && client.to_https.is_none() && {
        let upgrade = vars.get(input, names::HTTP_UPGRADE).unwrap_or_default();
        let bodiless = matches!(head.body, Body::None | Body::Length(0));
        head.upgrade && head.method == Method::Get && bodiless && is_websocket(upgrade)
    };
    let probe = if settings.probes.is_empty() {
        None
    } else {
        let var = |id| vars.get(input, id).unwrap_or_default();
        settings.probes.find(var(names::REQUEST_METHOD), var(names::PATH_INFO))
    };
    if settings.trace_context {
        client.shop.ids.borrow_mut().ensure(&mut vars, input);
    }
    let frame = encode(client, input, &mut vars, &head, offers_websocket)?;
    let is_claimed = settings.statics.as_ref().is_some_and(|statics| {
        let var = |id| vars.get(input, id).unwrap_or_default();
        !offers_websocket && statics.claims(var(names::REQUEST_METHOD), var(names::PATH_INFO))
    });
    let is_exempt = !settings.exempt.is_empty() && {
        let path = vars.get(input, names::PATH_INFO).unwrap_or_default();
        settings.exempt.iter().any(|exempt| exempt.as_bytes() == path)
    };
    input.advance(head.consumed);
    Ok(Some(Ticket { head, frame, is_claimed, is_exempt, probe, offers_websocket }))
}

/// Whether an Upgrade field names websockets (RFC 9110 §7.8).
fn is_websocket(upgrade: &[u8]) -> bool {
    upgrade.split(|&byte| byte == b',').any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

fn encode(
    client: &Client,
    input: &[u8],
    vars: &mut Vars,
    head: &Head,
    offers_websocket: bool,
) -> Result<Vec<u8>, Reject> {
    let settings = &client.shop.settings;
    if settings.server_name_is_host
        && let Some(host) = vars.get(input, names::HTTP_HOST).map(<[u8]>::to_vec)
    {
        vars.set_text(names::SERVER_NAME, &host);
    }
    vars.push_text(names::UWSGI_ROUTER, b"http");
    if let Some(peer) = &client.secure {
        peer.tell(vars, settings.export_cert);
    }
    for (key, value) in &settings.vars {
        vars.push_key(key.as_bytes(), value.as_bytes());
    }
    let request = Request {
        body: if head.body == Body::Length(0) { Body::None } else { head.body },
        version: head.version,
        is_head: head.method.is_head(),
        expect_continue: head.expect_continue && settings.manage_expect.is_none(),
        upgrade: offers_websocket,
    };
    let mut frame = Vec::with_capacity(head.consumed + 512);
    link::encode_head(&mut frame, &request, vars.iter(input))
        .map_err(|_| Reject::new(431, "request head longer than a frame"))?;
    Ok(frame)
}

/// Tells hyper how a request is framed, and no more.
pub(super) fn write_head(out: &mut Vec<u8>, head: &Head, closing: bool) {
    out.extend_from_slice(if head.method.is_head() { b"HEAD / " } else { b"GET / " });
    out.extend_from_slice(if head.version == Version::Http10 { b"HTTP/1.0\r\n" } else { b"HTTP/1.1\r\n" });
    if closing || !head.keep_alive {
        out.extend_from_slice(b"connection: close\r\n");
    } else if head.version == Version::Http10 {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    match head.body {
        Body::None => {}
        Body::Length(length) => {
            out.extend_from_slice(b"content-length: ");
            out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        Body::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    if head.expect_continue {
        out.extend_from_slice(b"expect: 100-continue\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Method and target in a HEAD frame.
pub(super) fn request_line(frame: &[u8]) -> String {
    let mut vars = Vars::new();
    match WorkerEnd::new(u32::MAX).decode(frame, &mut vars) {
        Ok(Some((_, ToWorker::Head(_)))) => {
            let text = |id| String::from_utf8_lossy(vars.get(frame, id).unwrap_or_default());
            format!("{} {}", text(names::REQUEST_METHOD), text(names::REQUEST_URI))
        }
        _ => String::new(),
    }
}

/// Whether the client that sent a HEAD frame's request takes gzip.
pub(super) fn accepts_gzip(frame: &[u8]) -> bool {
    let mut vars = Vars::new();
    let decoded = WorkerEnd::new(u32::MAX).decode(frame, &mut vars);
    let accept = vars.get(frame, names::HTTP_ACCEPT_ENCODING);
    matches!(decoded, Ok(Some(_))) && accept.is_some_and(crate::statics::accepts_gzip)
}

/// Host and target in a HEAD frame; none without a Host.
pub(super) fn host_and_target(frame: &[u8]) -> Option<(String, String)> {
    let mut vars = Vars::new();
    WorkerEnd::new(u32::MAX).decode(frame, &mut vars).ok()??;
    let text = |id| vars.get(frame, id).map(|text| String::from_utf8_lossy(text).into_owned());
    let host = text(names::HTTP_HOST).filter(|host| !host.is_empty())?;
    // An absolute target names its host, which the decoder has made the Host.
    let target = text(names::REQUEST_URI)?;
    let path =
        target.split_once("://").map_or(target.as_str(), |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    Some((host, if path.starts_with('/') { path.to_owned() } else { "/".to_owned() }))
}

//! The uwsgi protocol's client side, as nginx speaks it.

/// One packet: modifiers 0, the variables in order.
pub(crate) fn packet(vars: &[(&str, &str)]) -> Vec<u8> {
    packet_of(0, 0, &vars.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes())).collect::<Vec<_>>())
}

/// One packet with chosen modifiers and any bytes.
pub(crate) fn packet_of(modifier1: u8, modifier2: u8, vars: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (key, value) in vars {
        for part in [key, value] {
            block.extend(u16::try_from(part.len()).expect("at most 64 KiB").to_le_bytes());
            block.extend_from_slice(part);
        }
    }
    let mut packet = vec![modifier1];
    packet.extend(u16::try_from(block.len()).expect("at most 64 KiB").to_le_bytes());
    packet.push(modifier2);
    packet.extend(block);
    packet
}

/// The variables that nginx's `uwsgi_params` sends for a request without a body.
pub(crate) fn get(target: &str) -> Vec<(String, String)> {
    request("GET", target, 0)
}

/// The variables that nginx's `uwsgi_params` sends.
pub(crate) fn request(method: &str, target: &str, length: usize) -> Vec<(String, String)> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let length = if length == 0 { String::new() } else { length.to_string() };
    [
        ("QUERY_STRING", query),
        ("REQUEST_METHOD", method),
        ("CONTENT_TYPE", ""),
        ("CONTENT_LENGTH", length.as_str()),
        ("REQUEST_URI", target),
        ("PATH_INFO", path),
        ("DOCUMENT_ROOT", "/usr/share/nginx/html"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_SCHEME", "http"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REMOTE_PORT", "50000"),
        ("SERVER_PORT", "80"),
        ("SERVER_NAME", "localhost"),
        ("HTTP_HOST", "localhost"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

/// [`packet`] for owned pairs.
pub(crate) fn encode(vars: &[(String, String)]) -> Vec<u8> {
    packet(&vars.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>())
}

//! Who can reach such a socket can send any variable: none of them may load code, open a file or reach anything but the
//! application.

use super::doors::{Door, PACKETS, at_each};
use super::health::{Health, send_all};
use super::start;
use crate::support::uwsgi::packet_of;

/// What uWSGI would obey.
const CODE_LOADING: [&str; 10] = [
    "UWSGI_FILE",
    "UWSGI_SCRIPT",
    "UWSGI_MODULE",
    "UWSGI_CALLABLE",
    "UWSGI_HOME",
    "UWSGI_PYHOME",
    "UWSGI_CHDIR",
    "UWSGI_SETENV",
    "UWSGI_POSTFILE",
    "UWSGI_TOUCH_RELOAD",
];

const EVIL: &str = "\
open(__file__ + '.ran', 'w').close()
def application(environ, start_response):
    start_response('200 OK', [])
    return [b'evil']
environ = application
";

at_each! { variables_that_load_code_reach_nobody at
    variables_at_uwsgi: PACKETS[0],
    variables_at_puwsgi: PACKETS[1],
    variables_at_fastcgi: PACKETS[2],
    variables_at_scgi: PACKETS[3],
}

at_each! { modifiers_reach_the_application_or_nobody at
    modifiers_at_uwsgi: PACKETS[0],
    modifiers_at_puwsgi: PACKETS[1],
}

fn variables_that_load_code_reach_nobody(door: &Door) {
    let server = start(door, "");
    let health = Health::of(&server, door);
    let evil = server.dir().join("evil.py");
    std::fs::write(&evil, EVIL).expect("written");
    let path = evil.display().to_string();
    let values = [
        path.as_str(),
        "evil",
        "evil:application",
        "exec://touch evil.py.ran",
        "file://evil.py",
        "/etc/passwd",
        "LAB_EVIL=1",
        "",
    ];
    let mut asked = Vec::new();
    for name in CODE_LOADING {
        for value in values {
            asked.push(door.post("/seen", &[(name, value)], ""));
            // Twice, and together with what would choose an application.
            asked.push(door.post(
                "/seen",
                &[("UWSGI_APPID", "evil"), (name, "x"), (name, value), ("SCRIPT_NAME", "/evil")],
                "",
            ));
        }
    }
    for answer in send_all(&server, &asked) {
        let text = door.text(&answer.expect("an end"));
        assert!(text.contains(r#""PATH_INFO": "/seen""#), "{}: {text}", door.name);
        assert!(CODE_LOADING.iter().all(|name| !text.contains(name)), "{}: {text}", door.name);
        assert!(!text.contains("LAB_EVIL"), "{}: {text}", door.name);
    }
    assert!(!server.dir().join("evil.py.ran").exists(), "{}: code ran", door.name);
    server.log.wait_for("variable UWSGI_FILE of a request would load code: left out");
    health.unharmed(&server, door, "variables that load code", asked.len());
}

/// Spooler, symbols, signals, caches, remote calls: uWSGI has them on every socket.
fn modifiers_reach_the_application_or_nobody(door: &Door) {
    let server = start(door, "");
    let health = Health::of(&server, door);
    let vars: &[(&[u8], &[u8])] = &[(b"REQUEST_METHOD", b"GET"), (b"PATH_INFO", b"/"), (b"key", b"value")];
    let mut asked = Vec::new();
    for modifier in 1..=255 {
        for second in [0, 1, 5, 173, 255] {
            asked.push((modifier, packet_of(modifier, second, vars)));
        }
        asked.push((modifier, packet_of(modifier, 0, &[])));
    }
    let packets: Vec<_> = asked.iter().map(|(_, packet)| packet.clone()).collect();
    for ((modifier, _), answer) in asked.iter().zip(send_all(&server, &packets)) {
        let answer = answer.expect("an end");
        let is_right = if *modifier == 100 { answer == [100, 0, 0, 1] } else { answer.starts_with(b"HTTP/1.1 501 ") };
        assert!(is_right, "{}: modifier {modifier}: {}", door.name, answer.escape_ascii());
    }
    health.unharmed(&server, door, "modifiers", asked.len());
}

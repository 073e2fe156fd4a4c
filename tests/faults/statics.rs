//! Files that cannot be opened for now: that is not as if there were none.

use super::asking::{Door, HTTP, ROUTER, UWSGI};
use super::{Case, FAULT, Means, endure, find, start};
use crate::support::results;

use super::injector::{Injector, Target};
use Means::{Loss, Nothing};

const FILE: &str = "/files/style.css";

const OPEN: &[Case] = &[
    ("openat2 EMFILE", &["openat2:error=EMFILE"], Loss),
    ("openat2 ENFILE", &["openat2:error=ENFILE"], Loss),
    ("openat2 ENOMEM", &["openat2:error=ENOMEM"], Loss),
    ("openat2 EIO", &["openat2:error=EIO"], Loss),
    ("openat2 EINTR now and then", &["openat2:error=EINTR:when=1+2"], Nothing),
];

#[test]
fn the_router_goes_on() {
    endure(&start(2, ""), "rsgi http 1", OPEN, ROUTER.at(FILE), &[HTTP, UWSGI]);
}

#[test]
fn a_worker_goes_on() {
    let server = start(1, "");
    for door in [HTTP, UWSGI] {
        endure(&server, "rsgi worker 1", OPEN, door.at(FILE), &[ROUTER]);
    }
}

/// 404 would be a lie, and kept by caches.
#[test]
fn who_asks_meanwhile_is_told_to_come_back() {
    let server = start(1, "");
    for (title, door) in [("rsgi http 1", ROUTER), ("rsgi worker 1", HTTP)] {
        let door: Door = door.at(FILE);
        for (fault, status) in [("EMFILE", 503), ("ENFILE", 503), ("ENOMEM", 503), ("EIO", 500)] {
            let injector = Injector::attach(Target::Whole(find(&server, title)), &[&format!("openat2:error={fault}")]);
            assert_eq!(door.ask(&server, FAULT * 10).ok(), Some(status), "{title}: {fault}");
            assert!(injector.end() > 0);
            assert_eq!(door.ask(&server, FAULT * 10).ok(), Some(200), "{title}: {fault}");
        }
    }
    server.log.wait_for("the file cannot be opened");
}

/// What is not in memory is read on a thread, and there may be none.
#[test]
fn a_router_without_threads_answers() {
    let server = start(1, "");
    let what = "rsgi http 1, clone EAGAIN";
    let faults = ["openat2:error=EAGAIN:when=1", "clone,clone3:error=EAGAIN"];
    let router = find(&server, "rsgi http 1");
    let injector = Injector::attach(Target::Whole(router), &faults);
    let meanwhile = ROUTER.at(FILE).ask(&server, FAULT * 10);
    assert!(injector.end() > 1, "a thread was wanted");
    assert!(matches!(meanwhile, Ok(200 | 500 | 503)), "{meanwhile:?}");
    let recovery = super::recovers(&server, ROUTER.at(FILE), what);
    assert_eq!(find(&server, "rsgi http 1"), router, "the same process");
    results::record_fault(what, recovery);
}

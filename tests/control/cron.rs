//! `unique-cron` and `cron-harakiri`, over the start of two minutes.

use std::time::{Duration, Instant};

use crate::support::{Kind, Running, Server};

fn wait(server: &Running, words: &str, limit: u64) {
    let until = Instant::now() + Duration::from_secs(limit);
    while !server.log.text().contains(words) {
        assert!(Instant::now() < until, "{words}: {}", server.log.text());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_still_runs_is_not_started_again_and_what_takes_too_long_is_killed() {
    let server = Server::of(Kind::Rsgi, "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py --cron-harakiri 65")
        .arg("--unique-cron")
        .arg("-1 -1 -1 -1 -1 exec sleep 600")
        .start();
    wait(&server, "[rsgi-cron] running \"exec sleep 600\"", 70);
    wait(&server, "[rsgi-cron] \"exec sleep 600\" is still running, it is not started again", 70);
    wait(&server, "*** HARAKIRI ON THE CRON \"exec sleep 600\"", 20);
    wait(&server, "killed by signal 9", 5);
    assert_eq!(server.log.text().matches("[rsgi-cron] running").count(), 1, "{}", server.log.text());
}

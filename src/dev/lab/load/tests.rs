use std::collections::BTreeMap;

use super::chart::{CHARTS, chart};
use super::results::{Group, Machine, Memory, Results, Row, Sample};
use super::{half_of_the_slowest, page, servers};

fn sample(answered: u64, scale: u64) -> Sample {
    Sample {
        seconds: 2.0,
        answered,
        failed: BTreeMap::new(),
        retried: 1,
        p50: 400 * scale,
        p99: 2_000 * scale,
        p999: 9_000 * scale,
        cpu: 123.4 * scale as f64,
        nginx_cpu: None,
    }
}

/// A server that is so many times slower, and a little smaller, than the first.
fn row(server: &servers::Server, scale: u64, door: &str) -> Row {
    let rounds = |answered: u64| {
        [0, 100, 50]
            .map(|more| Sample {
                nginx_cpu: (door == "nginx").then_some(30.0),
                ..sample((answered + more) / scale, scale)
            })
            .to_vec()
    };
    Row {
        server: server.name.to_owned(),
        command: server
            .command(&super::APPS[1], if door == "nginx" { super::Door::Nginx } else { super::Door::Direct }),
        memory: Memory {
            workers: 2,
            rss: 40_000 - scale * 1000,
            private: 21_000 + scale * 5000,
            whole: 90_000 + scale * 9000,
        },
        closed: rounds(12_000),
        fixed: rounds(3_000),
        reload: vec![Sample {
            failed: (1..scale).map(|n| (format!("status 50{n}"), n)).collect(),
            ..sample(3_000, scale * 3)
        }],
        slow: vec![sample(3_000, scale * 40)],
    }
}

fn results() -> Results {
    let group = |app: &str, door: &str| Group {
        app: app.to_owned(),
        door: door.to_owned(),
        rate: 1500.0,
        servers: servers::SERVERS.iter().zip(1..).map(|(server, scale)| row(server, scale, door)).collect(),
    };
    let mut results = Results {
        date: "2026-11-29".to_owned(),
        machine: Machine {
            processor: "A processor".to_owned(),
            processors: 2,
            gigabytes: 23.5,
            kernel: "6.18.0".to_owned(),
            docker: "28.0.0".to_owned(),
            load: [0.2, 1.4],
            minutes: 13.2,
        },
        versions: [("rsgi", "0.1.0"), ("Python", "3.13.5")]
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
            .into(),
        groups: vec![group("hello", "direct"), group("flask", "direct"), group("flask", "nginx")],
    };
    for row in &mut results.groups[0].servers {
        (row.reload, row.slow) = (Vec::new(), Vec::new());
    }
    results
}

#[test]
fn the_page() {
    insta::assert_snapshot!(page::page(&results()));
}

#[test]
fn a_chart() {
    insta::assert_snapshot!(chart(&results(), &CHARTS[0]));
}

/// Only two groups have figures of slow clients.
#[test]
fn a_chart_of_some_groups() {
    insta::assert_snapshot!(chart(&results(), &CHARTS[4]));
}

#[test]
fn first_everywhere() {
    let mut results = results();
    for row in results.groups.iter_mut().flat_map(|group| &mut group.servers) {
        row.memory = Memory { workers: 2, rss: 40_000, private: 20_000, whole: 90_000 };
    }
    assert!(page::page(&results).contains("was first everywhere"));
}

#[test]
fn the_rate_of_a_group() {
    let rates = |answered: u64| {
        let mut row = row(&servers::SERVERS[0], 1, "direct");
        row.closed = vec![sample(answered, 1)];
        row
    };
    // Answered in two seconds.
    assert_eq!(half_of_the_slowest(&[rates(50_000), rates(13_000)]), 3200.0);
    assert_eq!(half_of_the_slowest(&[rates(1_000)]), 250.0);
    assert_eq!(half_of_the_slowest(&[rates(28)]), 7.0);
    assert_eq!(half_of_the_slowest(&[rates(0)]), 1.0);
}

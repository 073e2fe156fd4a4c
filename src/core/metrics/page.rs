//! Every metric with its name, in one place.
//!
//! Names follow <https://prometheus.io/docs/practices/naming/>: base units, `_total` for what only rises. They are an interface:
//! dashboards and alerts go by them.

use std::collections::BTreeMap;

use super::exposition::{Exposition, Format, Kind};
use super::facts::{Facts, Memory};
use super::ledger::{Cause, Reload};
use crate::memory::codes;
use crate::memory::meters::{Count, Door};

/// Writes the whole document.
#[must_use]
pub fn write(facts: &Facts, memory: &[Memory], format: Format) -> String {
    let mut page = Exposition::new(format);
    instance(&mut page, facts);
    requests(&mut page, facts);
    connections(&mut page, facts);
    work(&mut page, facts);
    processes(&mut page, facts, memory);
    reloads(&mut page, facts);
    page.finish()
}

fn instance(page: &mut Exposition, facts: &Facts) {
    page.family("rsgi_build", Kind::Info, "The program that runs.");
    page.sample(&[("version", facts.version)], 1);
    page.family("process_start_time_seconds", Kind::Gauge, "Start of the instance since unix epoch in seconds.");
    page.sample(&[], facts.started);
    page.family("rsgi_ready", Kind::Gauge, "1 while requests are served: as /readyz says.");
    page.sample(&[], u8::from(facts.is_ready));
    page.family(
        "rsgi_generation",
        Kind::Gauge,
        "The generation that serves; each reload that succeeds begins another.",
    );
    page.sample(&[], facts.generation);
}

fn requests(page: &mut Exposition, facts: &Facts) {
    let reading = &facts.reading;
    let counted = |page: &mut Exposition, name, what, help: &str| {
        page.family(name, Kind::Counter, help);
        page.sample(&[], reading.count(what));
    };
    page.family("rsgi_requests", Kind::Counter, "Requests answered, by the option that opens the door and by status.");
    // Some are there from the beginning, so that a first failure is a step and not a new line.
    let from_the_beginning = |&door: &Door| ["200", "500"].map(|code| ((door, code), 0));
    let mut requests: BTreeMap<_, _> = facts.doors.iter().flat_map(from_the_beginning).collect();
    requests.extend(reading.requests.iter().map(|(door, code, count)| ((*door, code.as_str()), *count)));
    for ((door, code), count) in requests {
        page.sample(&[("door", door.name()), ("code", code)], count);
    }
    page.family(
        "rsgi_request_duration_seconds",
        Kind::Histogram,
        "Time from a request's head to the end of its answer, by class of status; through the router with the wait for a core.",
    );
    for (class, histogram) in reading.durations.iter().enumerate() {
        page.histogram(&[("status", &codes::class_name(class))], histogram);
    }
    counted(
        page,
        "rsgi_requests_shed",
        Count::Shed,
        "Requests turned away with 503: nobody could serve them, or not in time.",
    );
    counted(page, "rsgi_requests_timed_out", Count::TimedOut, "Requests given up with 504 because they took too long.");
    counted(
        page,
        "rsgi_requests_retried",
        Count::Retried,
        "Requests sent to another core because the first one was gone.",
    );
    counted(page, "rsgi_static_files", Count::Statics, "Requests answered by a static file.");
    counted(page, "rsgi_exceptions", Count::Exceptions, "Exceptions that left the application.");
    counted(page, "rsgi_panics", Count::Panics, "Defects of the server itself; each has a record in the log.");
    page.family(
        "rsgi_harakiri",
        Kind::Counter,
        "Processes ended because a request, a message or a task passed its deadline.",
    );
    page.sample(&[], facts.ledger.harakiris);
}

fn connections(page: &mut Exposition, facts: &Facts) {
    let reading = &facts.reading;
    page.family("rsgi_connections_open", Kind::Gauge, "Client connections that are open.");
    page.sample(&[], facts.connections);
    page.family("rsgi_connections", Kind::Counter, "Client connections accepted.");
    page.sample(&[], reading.count(Count::Connections));
    page.family("rsgi_connections_refused", Kind::Counter, "Connections refused: their network has as many as it may.");
    page.sample(&[], reading.count(Count::Refused));
    page.family("rsgi_received_bytes", Kind::Counter, "Bytes received from clients, without those of TLS.");
    page.sample(&[], reading.count(Count::Received));
    page.family("rsgi_sent_bytes", Kind::Counter, "Bytes sent to clients, without those of TLS.");
    page.sample(&[], reading.count(Count::Sent));
    page.family("rsgi_listen_queue", Kind::Gauge, "Connections that wait in the kernel to be accepted.");
    for (socket, waiting, _) in &facts.listeners {
        page.sample(&[("socket", socket)], waiting);
    }
    page.family("rsgi_listen_queue_limit", Kind::Gauge, "Connections that may wait in the kernel.");
    for (socket, _, room) in &facts.listeners {
        page.sample(&[("socket", socket)], room);
    }
    page.family(
        "rsgi_certificate_expiry_timestamp_seconds",
        Kind::Gauge,
        "End of the certificate that is shown for a name; an address's own certificate by the address.",
    );
    for (name, until) in &facts.certificates {
        page.sample(&[("name", name)], until);
    }
}

fn work(page: &mut Exposition, facts: &Facts) {
    let reading = &facts.reading;
    page.family("rsgi_queue_length", Kind::Gauge, "Requests that wait in the router for a core.");
    page.sample(&[], facts.queue);
    page.family("rsgi_queue_oldest_seconds", Kind::Gauge, "How long the oldest of them has waited.");
    page.seconds(&[], facts.queue_age);
    page.family(
        "rsgi_queue_wait_seconds",
        Kind::Histogram,
        "How long requests waited in the router until a core took them.",
    );
    page.histogram(&[], &reading.queue);
    page.family("rsgi_cores", Kind::Gauge, "Cores of living workers, by whether they are in a request.");
    page.sample(&[("state", "busy")], facts.cores.0);
    page.sample(&[("state", "idle")], facts.cores.1);
    page.family("rsgi_core_busy_seconds", Kind::Counter, "Time that cores were in requests.");
    page.seconds(&[], reading.count(Count::Busy));
    page.family(
        "rsgi_interpreter_lock_wait_seconds",
        Kind::Histogram,
        "How long requests waited for the interpreter lock (GIL) before the application was called.",
    );
    page.histogram(&[], &reading.lock);
}

fn processes(page: &mut Exposition, facts: &Facts, memory: &[Memory]) {
    page.family("rsgi_workers_configured", Kind::Gauge, "Workers that there are to be.");
    page.sample(&[], facts.workers.0);
    page.family("rsgi_workers_ready", Kind::Gauge, "Workers that serve, those of a generation that leaves included.");
    page.sample(&[], facts.workers.1);
    page.family("rsgi_worker_resident_memory_bytes", Kind::Gauge, "RAM of a worker, with what it shares with others.");
    for one in memory {
        page.sample(&[("worker", &one.worker.to_string())], one.resident);
    }
    page.family(
        "rsgi_worker_proportional_memory_bytes",
        Kind::Gauge,
        "RAM of a worker, of shared pages its part (PSS).",
    );
    for one in memory {
        if let Some(bytes) = one.proportional {
            page.sample(&[("worker", &one.worker.to_string())], bytes);
        }
    }
    page.family("rsgi_processes_started", Kind::Counter, "Processes started, by role.");
    for (role, count) in &facts.ledger.started {
        page.sample(&[("role", role)], count);
    }
    page.family("rsgi_processes_ended", Kind::Counter, "Processes that have ended, by role and cause.");
    for cause in Cause::ALL {
        let key = ("worker", cause);
        page.sample(&[("role", "worker"), ("cause", cause.name())], facts.ledger.ended.get(&key).unwrap_or(&0));
    }
    for ((role, cause), count) in facts.ledger.ended.iter().filter(|((role, _), _)| *role != "worker") {
        page.sample(&[("role", role), ("cause", cause.name())], count);
    }
}

fn reloads(page: &mut Exposition, facts: &Facts) {
    let ledger = &facts.ledger;
    page.family("rsgi_reloads", Kind::Counter, "Reloads, by outcome.");
    for outcome in Reload::ALL {
        page.sample(&[("outcome", outcome.name())], ledger.reloads(outcome).0);
    }
    page.family("rsgi_last_reload_timestamp_seconds", Kind::Gauge, "When the last reload with an outcome was over.");
    for outcome in Reload::ALL {
        if let (_, Some(when)) = ledger.reloads(outcome) {
            page.sample(&[("outcome", outcome.name())], when);
        }
    }
    page.family("rsgi_last_reload_successful", Kind::Gauge, "0 after a reload that did not succeed.");
    page.sample(&[], u8::from(ledger.last_reload().is_none_or(|outcome| outcome == Reload::Succeeded)));
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::ending::Ending;
    use crate::master::fleet::Who;
    use crate::memory::meters::Meters;
    use crate::metrics::ledger::Ledger;

    pub(in crate::metrics) fn facts() -> Facts {
        let fd = Meters::create().unwrap();
        let meters = Meters::map(fd.as_fd()).unwrap();
        let meter = meters.core(0);
        meter.request(Door::Http, 200, 1_800);
        meter.request(Door::Http, 404, 900);
        meter.request(Door::UwsgiSocket, 500, 61_000_000);
        meter.count(Count::Exceptions);
        meter.add(Count::Sent, 1234);
        meter.add(Count::Busy, 61_001_800);
        meter.queued(0);
        meter.lock_wait(5_200);
        let mut ledger = Ledger::default();
        ledger.harakiris += 1;
        ledger.born(Who::Worker(1));
        ledger.born(Who::Router(2));
        ledger.gone(Who::Worker(1), 7, Ending::Killed(11));
        ledger.gone(Who::Router(2), 8, Ending::Exited(0));
        ledger.reloaded(Reload::Succeeded, 1_795_374_815);
        ledger.reloaded(Reload::Refused, 1_795_374_999);
        Facts {
            version: "0.1.0",
            started: 1_795_374_000,
            is_ready: true,
            generation: 1,
            doors: vec![Door::Http, Door::UwsgiSocket],
            reading: meters.read(),
            connections: 3,
            queue: 2,
            queue_age: 1_250_000,
            cores: (3, 5),
            workers: (4, 4),
            processes: vec![(1, std::process::id().into())],
            ledger,
            listeners: vec![("127.0.0.1:3031".into(), 1, 100)],
            certificates: vec![("example.org".into(), 1_800_000_000)],
        }
    }

    #[test]
    fn both_formats() {
        let memory = [
            Memory { worker: 1, resident: 50_000_000, proportional: Some(20_000_000) },
            Memory { worker: 2, resident: 51_000_000, proportional: None },
        ];
        insta::assert_snapshot!("text", write(&facts(), &memory, Format::Text));
        insta::assert_snapshot!("openmetrics", write(&facts(), &memory, Format::OpenMetrics));
    }

    #[test]
    fn memory_is_looked_at() {
        let memory = facts().memory();
        assert!(memory[0].worker == 1 && memory[0].resident > 4096 && memory[0].proportional.is_some(), "{memory:?}");
    }
}

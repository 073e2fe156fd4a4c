//! Options for whoever watches an instance from outside: metrics, health checks, traces.

use crate::option::{Act, Arg, Group, OPT, Opt};

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "metrics",
        group: Group::Stats,
        unit: "address",
        default: "none",
        field: "/monitoring/metrics",
        example: "metrics = 127.0.0.1:9192",
        own: true,
        doc: "Serves metrics for Prometheus on this address.\n\nAt `/metrics`, in the text format 0.0.4 or as OpenMetrics 1.0.0, whichever is asked for; `/healthz` and `/readyz` tell whether the instance lives and serves. See deploy/monitoring.md.",
        act: Act::Set(|d, v| {
            d.config.monitoring.metrics = Some(v.address()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "health-live",
        group: Group::Stats,
        unit: "path",
        default: "none",
        field: "/monitoring/live",
        example: "health-live = /healthz",
        own: true,
        doc: "Answers GET and HEAD of this path with 200 as long as the server lives, without the application.\n\nHolds for `http`, `https` and the HTTP sockets of workers. Through the router it is answered whatever waits in the queue. Nothing is logged or counted.",
        act: Act::Set(|d, v| {
            d.config.monitoring.live = Some(v.absolute()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "health-ready",
        group: Group::Stats,
        unit: "path",
        default: "none",
        field: "/monitoring/ready",
        example: "health-ready = /readyz",
        own: true,
        doc: "Answers GET and HEAD of this path with 200 while requests are served, else with 503, without the application.\n\nIt is 503 while the instance starts, stops, is paused, or has no worker. For the rest as `health-live`.",
        act: Act::Set(|d, v| {
            d.config.monitoring.ready = Some(v.absolute()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "trace-context",
        arg: Arg::None,
        group: Group::Stats,
        default: "off",
        field: "/monitoring/trace_context",
        example: "trace-context = true",
        own: true,
        doc: "Gives each request without a valid `traceparent` header a new one (W3C Trace Context).\n\nThe application finds it as `HTTP_TRACEPARENT`. A valid one is passed on as it came, with its `tracestate`; an invalid one is replaced, and its `tracestate` dropped. The ids are in the log as `%(traceid)` and `%(spanid)` of `log-format`, and as `trace_id` and `span_id` with `log-json`, with this option or without.",
        act: Act::Set(|d, v| {
            d.config.monitoring.trace_context = v.switch();
            Ok(())
        }),
        ..OPT
    },
];

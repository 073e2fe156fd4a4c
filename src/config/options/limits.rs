//! Sizes and deadlines of requests.

use crate::option::{Act, Arg, Group, OPT, Opt};

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "buffer-size",
        short: Some('b'),
        group: Group::Limits,
        unit: "bytes",
        default: "65536",
        field: "/limits/buffer_size",
        example: "buffer-size = 32768",
        differs: "65536 unless given, and a larger head is answered with 431 instead of a bare close",
        doc: "Sets the largest head of a request; a larger one is answered with 431.\n\nuWSGI's default is 4096. The smallest value is 512.",
        act: Act::Set(|d, v| {
            d.config.limits.buffer_size = v.size()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "post-buffering",
        group: Group::Limits,
        unit: "bytes",
        default: "0",
        field: "/limits/post_buffering",
        example: "post-buffering = 8192",
        doc: "Reads a whole body before the application runs, into a temporary file from this size on; 0 turns it off.",
        act: Act::Set(|d, v| {
            d.config.limits.post_buffering = v.size()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "post-buffering-bufsize",
        group: Group::Limits,
        unit: "bytes",
        default: "8192",
        field: "/limits/post_buffering_bufsize",
        example: "post-buffering-bufsize = 65536",
        differs: "accepted; the server chooses the size itself",
        doc: "Sets how much is read at a time while a body is buffered.",
        act: Act::Set(|d, v| {
            d.config.limits.post_buffering_bufsize = v.size()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "limit-post",
        group: Group::Limits,
        unit: "bytes",
        default: "off",
        field: "/limits/limit_post",
        example: "limit-post = 10485760",
        differs: "a larger body is answered with 413 instead of a bare close",
        doc: "Refuses larger bodies with 413; 0 for no limit.",
        act: Act::Set(|d, v| {
            d.config.limits.limit_post = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "max-vars",
        short: Some('v'),
        group: Group::Limits,
        unit: "number",
        default: "1024",
        field: "/limits/max_vars",
        example: "max-vars = 256",
        differs: "1024 unless given; uWSGI has 64",
        doc: "Sets the most variables (headers among them) that a request may have.",
        act: Act::Set(|d, v| {
            d.config.limits.max_vars = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "socket-timeout",
        short: Some('z'),
        group: Group::Limits,
        unit: "seconds",
        default: "4",
        field: "/limits/socket_timeout",
        example: "socket-timeout = 30",
        differs: "a head that comes too slowly is answered with 408 instead of a bare close",
        doc: "Closes a client connection of a worker on which nothing moved for so long.",
        act: Act::Set(|d, v| {
            d.config.limits.socket_timeout = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-socket-keepalive",
        group: Group::Limits,
        unit: "seconds",
        default: "60",
        field: "/limits/keepalive_timeout",
        example: "http-socket-keepalive = 15",
        own: true,
        doc: "Closes a kept connection of a worker's HTTP socket after being idle for so long.",
        act: Act::Set(|d, v| {
            d.config.limits.keepalive_timeout = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-socket-headers-timeout",
        group: Group::Limits,
        unit: "seconds",
        default: "30",
        field: "/limits/header_timeout",
        example: "http-socket-headers-timeout = 10",
        own: true,
        doc: "Sets the time for a whole request head on a worker's HTTP socket, answered with 408.",
        act: Act::Set(|d, v| {
            d.config.limits.header_timeout = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "min-rate",
        group: Group::Limits,
        unit: "bytes",
        default: "240",
        field: "/limits/min_rate",
        example: "min-rate = 1000",
        own: true,
        doc: "Sets the least that an HTTP client has to send or take in a second, on the average; 0 for no limit.\n\nIt counts for request heads, bodies and answers, over the time in which the client is waited for. Who is slower once `min-rate-grace` is over is answered with 408, or its connection is reset when it is the answer that it does not take. Websockets are exempt. On the workers' own sockets `socket-timeout` and `so-send-timeout` end a client that takes nothing before this does.",
        act: Act::Set(|d, v| {
            d.config.limits.min_rate = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "min-rate-grace",
        group: Group::Limits,
        unit: "seconds",
        default: "20",
        field: "/limits/min_rate_grace",
        example: "min-rate-grace = 5",
        own: true,
        doc: "Sets for how long a head, a body or an answer may be slower than `min-rate`.",
        act: Act::Set(|d, v| {
            d.config.limits.min_rate_grace = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "max-connections",
        group: Group::Limits,
        unit: "number",
        default: "0",
        field: "/limits/max_connections",
        example: "max-connections = 10000",
        own: true,
        doc: "Sets how many client connections a router, or a worker on its own HTTP sockets, has at most; 0 for as many as `max-fd` allows.\n\nFor one more, connections that are kept without a request give way, the one that has been idle the longest first. When none is idle, the client waits to be accepted. Each of several processes has a limit of its own.",
        act: Act::Set(|d, v| {
            d.config.limits.max_connections = v.size()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "max-connections-per-ip",
        group: Group::Limits,
        unit: "number",
        default: "0",
        field: "/limits/max_connections_per_ip",
        example: "max-connections-per-ip = 100",
        own: true,
        doc: "Sets how many connections one address has at most to a router, or to a worker's HTTP sockets.\n\nOf IPv6 a /64 network counts as one address; 0 is any number. Further ones are answered with 429 and closed, encrypted ones are closed. Behind a proxy that says who its clients are (`http-enable-proxy-protocol`) it counts for those; behind any other it would count for the proxy itself. Each of several processes counts on its own.",
        act: Act::Set(|d, v| {
            d.config.limits.max_connections_per_ip = v.size()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "so-send-timeout",
        aliases: &["socket-send-timeout", "so-write-timeout", "socket-write-timeout"],
        arg: Arg::None,
        group: Group::Limits,
        unit: "seconds",
        default: "off",
        field: "/limits/so_send_timeout",
        example: "so-send-timeout = 30",
        doc: "Sets the time for a blocked write to a client on the workers' own sockets; `socket-timeout` unless given, or 0.",
        act: Act::Set(|d, v| {
            d.config.limits.so_send_timeout = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "response-headers-limit",
        group: Group::Limits,
        unit: "bytes",
        default: "off",
        field: "/limits/response_headers",
        example: "response-headers-limit = 16384",
        differs: "a larger head is answered with 500 and a line in the log",
        doc: "Sets the largest head of an application's answer.\n\nStatus and header lines count. A larger one is answered with 500, and a line in the log says so. 0 is no limit, less than 4096 counts as 4096.",
        act: Act::Set(|d, v| {
            d.config.limits.response_headers = v.count_or_off_as::<usize>()?.map(|most| most.max(4096));
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "chunked-input-limit",
        group: Group::Limits,
        unit: "bytes",
        default: "1048576",
        field: "/limits/chunked_input_limit",
        example: "chunked-input-limit = 65536",
        differs: "accepted; chunks are decoded as they come, none is held as a whole, and limit-post limits bodies",
        doc: "Sets the largest chunk of a chunked request body.",
        act: Act::Set(|d, v| {
            d.config.limits.chunked_input_limit = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "chunked-input-timeout",
        group: Group::Limits,
        unit: "seconds",
        default: "off",
        field: "/limits/chunked_input_timeout",
        example: "chunked-input-timeout = 10",
        doc: "Sets how long the next piece of a chunked request body may take on the workers' own sockets; `socket-timeout` unless given, or 0.",
        act: Act::Set(|d, v| {
            d.config.limits.chunked_input_timeout = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "max-fd",
        group: Group::Limits,
        unit: "number",
        default: "off",
        field: "/limits/max_fd",
        example: "max-fd = 65536",
        doc: "Sets how many files each process may open; 0 leaves it as it is.\n\nOf them a router keeps one in 16, at least 16 and at most 256, for files and for links of workers: clients wait or give way before.",
        act: Act::Set(|d, v| {
            d.config.limits.max_fd = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "limit-as",
        group: Group::Limits,
        unit: "MiB",
        default: "off",
        field: "/limits/address_space",
        example: "limit-as = 1024",
        doc: "Sets how much address space each process may use; 0 for no limit.",
        act: Act::Set(|d, v| {
            d.config.limits.address_space = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "limit-nproc",
        group: Group::Limits,
        unit: "number",
        default: "off",
        field: "/limits/nproc",
        example: "limit-nproc = 256",
        doc: "Sets how many processes the user may run; 0 for no limit.",
        act: Act::Set(|d, v| {
            d.config.limits.nproc = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "websockets-ping-freq",
        aliases: &["websocket-ping-freq"],
        group: Group::Limits,
        unit: "seconds",
        default: "30",
        field: "/limits/websockets_ping_freq",
        example: "websockets-ping-freq = 60",
        doc: "Pings the client of a websocket after so long a silence; 0 turns that off.",
        act: Act::Set(|d, v| {
            d.config.limits.websockets_ping_freq = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "websockets-pong-tolerance",
        aliases: &["websocket-pong-tolerance"],
        group: Group::Limits,
        unit: "seconds",
        default: "3",
        field: "/limits/websockets_pong_tolerance",
        example: "websockets-pong-tolerance = 10",
        doc: "Ends a websocket whose client has not answered a ping for so long.",
        act: Act::Set(|d, v| {
            d.config.limits.websockets_pong_tolerance = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "websockets-max-size",
        aliases: &["websocket-max-size"],
        group: Group::Limits,
        unit: "KiB",
        default: "1024",
        field: "/limits/websockets_max_size",
        example: "websockets-max-size = 64",
        doc: "Sets the largest message that a client may send over a websocket; a larger one ends it with code 1009.",
        act: Act::Set(|d, v| {
            d.config.limits.websockets_max_size = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
];

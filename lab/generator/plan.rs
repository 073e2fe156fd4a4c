//! What is asked for on the command line.

use std::net::SocketAddr;
use std::time::Duration;

/// One load.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) connections: usize,
    pub(crate) time: Duration,
    /// Requests a second; none: as many as are answered.
    pub(crate) rate: Option<f64>,
    /// Clients beside the others that send or read slowly.
    pub(crate) slow: usize,
    /// What those ask for that read slowly: more than the buffers on the way hold.
    pub(crate) large: String,
}

impl Plan {
    pub(crate) fn read(words: &[String]) -> Result<Self, String> {
        let [address, path, options @ ..] = words else {
            return Err(
                "usage: rsgi-load ADDRESS PATH --connections N --seconds S [--rate R] [--slow N --large PATH]".into()
            );
        };
        let mut plan = Self {
            address: address.parse().map_err(|_| format!("no address with a port: {address}"))?,
            path: path.clone(),
            connections: 1,
            time: Duration::from_secs(1),
            rate: None,
            slow: 0,
            large: "/".into(),
        };
        for option in options.chunks(2) {
            let [name, value] = option else { return Err(format!("{} lacks its value", option.concat())) };
            let wrong = || format!("not a value of {name}: {value}");
            let positive = || value.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
            match name.as_str() {
                "--connections" => plan.connections = value.parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?,
                "--seconds" => plan.time = Duration::from_secs_f64(positive().ok_or_else(wrong)?.min(600.0)),
                "--rate" => plan.rate = Some(positive().ok_or_else(wrong)?),
                "--slow" => plan.slow = value.parse().map_err(|_| wrong())?,
                "--large" => plan.large.clone_from(value),
                _ => return Err(format!("no such option: {name}")),
            }
        }
        Ok(plan)
    }

    /// A request in full.
    pub(crate) fn request(&self, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: rsgi-load\r\nAccept: */*\r\n\r\n", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Plan, String> {
        Plan::read(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn words() {
        let plan =
            read("127.0.0.1:80 / --connections 8 --seconds 1.5 --rate 100 --slow 2 --large /large").expect("right");
        assert_eq!((plan.connections, plan.rate, plan.slow), (8, Some(100.0), 2));
        assert_eq!(plan.time, Duration::from_millis(1500));
        for wrong in
            ["127.0.0.1:80", "here /", "127.0.0.1:80 / --rate", "127.0.0.1:80 / --rate 0", "127.0.0.1:80 / --x 1"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

//! What the master and a serving process (worker, router) tell each other: single bytes over a stream socketpair.
//!
//! The end of the stream means that the other side is gone: a serving process then drains and leaves.

/// From the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Accept nothing new, finish what is held, leave.
    Drain,
    /// The same, and there is time: successors serve already, so idle clients may finish in peace too.
    Retire,
    /// Leave at once.
    Quit,
    /// The log file was moved away: open it anew ([`crate::logging::reopen`]).
    ReopenLog,
}

/// To the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// Serving from now on.
    Ready,
    /// The application asked for a graceful reload of the instance.
    WantsReload,
    /// The application asked for a graceful stop of the instance.
    WantsStop,
    /// Lazy loading found no application to serve.
    NoApp,
    /// A signal asked this very process to leave. It waits for the order: when everybody got the signal (Ctrl-C, a service
    /// manager), routers must be done before workers go.
    WantsLeave,
}

impl Order {
    /// The order's byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Drain => b'd',
            Self::Retire => b'y',
            Self::Quit => b'q',
            Self::ReopenLog => b'l',
        }
    }

    /// The order behind a byte; unknown ones (of a newer master) are `None`.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'd' => Some(Self::Drain),
            b'y' => Some(Self::Retire),
            b'q' => Some(Self::Quit),
            b'l' => Some(Self::ReopenLog),
            _ => None,
        }
    }
}

impl Report {
    /// The report's byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ready => b'r',
            Self::WantsReload => b'L',
            Self::WantsStop => b'S',
            Self::NoApp => b'n',
            Self::WantsLeave => b'x',
        }
    }

    /// The report behind a byte; unknown ones are `None`.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'r' => Some(Self::Ready),
            b'L' => Some(Self::WantsReload),
            b'S' => Some(Self::WantsStop),
            b'n' => Some(Self::NoApp),
            b'x' => Some(Self::WantsLeave),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lead_back() {
        for order in [Order::Drain, Order::Retire, Order::Quit, Order::ReopenLog] {
            assert_eq!(Order::from_byte(order.byte()), Some(order));
        }
        for report in [Report::Ready, Report::WantsReload, Report::WantsStop, Report::NoApp, Report::WantsLeave] {
            assert_eq!(Report::from_byte(report.byte()), Some(report));
        }
        assert_eq!((Order::from_byte(0), Report::from_byte(0)), (None, None));
    }
}

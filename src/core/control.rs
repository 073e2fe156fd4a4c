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
    /// The log file was moved away: open it anew ([`crate::logging::reopen_inside`]).
    ReopenLog,
    /// Take nothing new until [`Self::Resume`], and keep what is there.
    Pause,
    /// Go on.
    Resume,
    /// To routers: a worker is about to be killed for a request that took too long. Behind it comes which ([`Overdue`]).
    Overdue,
}

/// The link whose request has passed its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overdue {
    /// Process id of the worker.
    pub pid: u32,
    /// Number of the link, as in its HELLO.
    pub link: u32,
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
    /// The application has set a deadline for a request: the master has to look at the scoreboard.
    HasDeadline,
    /// A router's queue has become as long as `harakiri-queue-threshold` says.
    LongQueue,
    /// It is shorter again.
    ShortQueue,
}

impl Overdue {
    /// The order and what belongs to it.
    #[must_use]
    pub fn message(self) -> [u8; 9] {
        let mut message = [Order::Overdue.byte(); 9];
        let bytes = self.pid.to_le_bytes().into_iter().chain(self.link.to_le_bytes());
        message.iter_mut().skip(1).zip(bytes).for_each(|(to, from)| *to = from);
        message
    }
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
            Self::Pause => b'p',
            Self::Resume => b's',
            Self::Overdue => b'o',
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
            b'p' => Some(Self::Pause),
            b's' => Some(Self::Resume),
            b'o' => Some(Self::Overdue),
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
            Self::HasDeadline => b'D',
            Self::LongQueue => b'Q',
            Self::ShortQueue => b'q',
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
            b'D' => Some(Self::HasDeadline),
            b'Q' => Some(Self::LongQueue),
            b'q' => Some(Self::ShortQueue),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lead_back() {
        for order in [Order::Drain, Order::Retire, Order::Quit, Order::ReopenLog, Order::Overdue] {
            assert_eq!(Order::from_byte(order.byte()), Some(order));
        }
        let reports = [Report::Ready, Report::WantsReload, Report::WantsStop, Report::NoApp];
        let others = [Report::WantsLeave, Report::HasDeadline, Report::LongQueue, Report::ShortQueue];
        for report in reports.into_iter().chain(others) {
            assert_eq!(Report::from_byte(report.byte()), Some(report));
        }
        assert_eq!(Overdue { pid: 0x0102, link: 3 }.message(), *b"o\x02\x01\0\0\x03\0\0\0");
        assert_eq!((Order::from_byte(0), Report::from_byte(0)), (None, None));
    }
}

//! What the master and a serving process (worker, router) tell each other: single bytes over a stream socketpair.
//!
//! A master that was upgraded drains processes of the program before: the bytes of [`Order`] never change.
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
    /// To routers: tell from now on how many wait ([`Report::Queue`]).
    TellQueue,
    /// To routers: the workers leave, for nobody asks. When somebody does, it is to wait for those that come then.
    Rest,
    /// To a worker that stands by: the one before it has ended, so it serves from now on.
    Begin,
    /// To workers: look at your sockets. The kernel has woken one of you for who waits there, and that one cannot take it.
    Accept,
    /// To routers: a worker is about to be killed for a request that took too long. Behind it comes which ([`Overdue`]).
    Overdue,
}

/// A signal of the application in either direction: to the master that it is raised, from the master that it is to be
/// handled. Two bytes, half of the number in each, and none of them is an order or a report: whoever looks at single bytes is
/// not misled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bell(pub u8);

/// Takes the signals out of a stream of orders, wherever it is cut.
#[derive(Debug, Default)]
pub struct Bells {
    /// The first half of a number, as soon as it is there.
    half: Option<u8>,
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
    /// So many wait in a router. Behind it comes how many ([`Queue`]).
    Queue(Queue),
    /// The application has raised a signal ([`Bell`]).
    Bell(Bell),
    /// A worker has served enough. It goes on until its successor is ready.
    WantsSuccessor,
    /// The application has registered something that raises signals: the master has to look at the table.
    HasSources,
    /// A worker was woken for a client that it cannot take, for want of descriptors or memory. Others may.
    CannotAccept,
}

/// A router's queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queue {
    /// Requests that wait for a core.
    pub waiting: u32,
    /// How long the first of them has been waiting, milliseconds.
    pub age: u32,
}

/// Takes reports out of a control stream, wherever it is cut.
#[derive(Debug, Default)]
pub struct Reports {
    /// What is not complete yet.
    rest: Vec<u8>,
}

impl Reports {
    /// The reports that are complete with these bytes.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Report> {
        self.rest.extend_from_slice(bytes);
        let (mut reports, mut used) = (Vec::new(), 0);
        while let Some(rest @ [kind, ..]) = self.rest.get(used..) {
            if *kind == Queue::KIND {
                let Some((message, _)) = rest.split_first_chunk() else { break };
                reports.push(Report::Queue(Queue::of(message)));
                used += message.len();
            } else if Bell::is_first(*kind) {
                let Some(second) = rest.get(1) else { break };
                reports.extend(Bell::of(*kind, *second).map(Report::Bell));
                used += 2;
            } else {
                reports.extend(Report::from_byte(*kind));
                used += 1;
            }
        }
        self.rest.drain(..used);
        reports
    }
}

impl Bell {
    /// The message.
    #[must_use]
    pub const fn message(self) -> [u8; 2] {
        [0x80 | self.0 >> 4, 0x90 | self.0 & 0xf]
    }

    const fn is_first(byte: u8) -> bool {
        byte & 0xf0 == 0x80
    }

    fn of(first: u8, second: u8) -> Option<Self> {
        (second & 0xf0 == 0x90).then_some(Self(first << 4 | second & 0xf))
    }
}

impl Bells {
    /// The signal that is complete with this byte.
    pub fn take(&mut self, byte: u8) -> Option<Bell> {
        let first = self.half.take();
        self.half = Some(byte).filter(|byte| Bell::is_first(*byte));
        Bell::of(first?, byte)
    }
}

impl Queue {
    const KIND: u8 = b'w';

    /// The report and what belongs to it.
    #[must_use]
    pub fn message(self) -> [u8; 9] {
        message(Self::KIND, self.waiting, self.age)
    }

    fn of(message: &[u8; 9]) -> Self {
        let [_, waiting @ .., a, b, c, d] = *message;
        Self { waiting: u32::from_le_bytes(waiting), age: u32::from_le_bytes([a, b, c, d]) }
    }
}

/// A byte that says what it is, and two numbers.
fn message(kind: u8, first: u32, second: u32) -> [u8; 9] {
    let mut message = [kind; 9];
    let bytes = first.to_le_bytes().into_iter().chain(second.to_le_bytes());
    message.iter_mut().skip(1).zip(bytes).for_each(|(to, from)| *to = from);
    message
}

impl Overdue {
    /// The order and what belongs to it.
    #[must_use]
    pub fn message(self) -> [u8; 9] {
        message(Order::Overdue.byte(), self.pid, self.link)
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
            Self::TellQueue => b'w',
            Self::Rest => b'z',
            Self::Begin => b'b',
            Self::Accept => b'a',
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
            b'w' => Some(Self::TellQueue),
            b'z' => Some(Self::Rest),
            b'b' => Some(Self::Begin),
            b'a' => Some(Self::Accept),
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
            Self::Queue(_) => Queue::KIND,
            Self::Bell(Bell(number)) => 0x80 | number >> 4,
            Self::WantsSuccessor => b'W',
            Self::HasSources => b'T',
            Self::CannotAccept => b'A',
        }
    }

    /// The report behind a byte; unknown ones are `None`, and so is the one that more belongs to ([`Reports`]).
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
            b'W' => Some(Self::WantsSuccessor),
            b'T' => Some(Self::HasSources),
            b'A' => Some(Self::CannotAccept),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lead_back() {
        let orders = [Order::Drain, Order::Retire, Order::Quit, Order::ReopenLog, Order::TellQueue, Order::Rest];
        for order in
            orders.into_iter().chain([Order::Pause, Order::Resume, Order::Overdue, Order::Begin, Order::Accept])
        {
            assert_eq!(Order::from_byte(order.byte()), Some(order));
        }
        let reports = [Report::Ready, Report::WantsReload, Report::WantsStop, Report::NoApp];
        let others = [Report::WantsLeave, Report::WantsSuccessor, Report::HasDeadline, Report::HasSources];
        let further = [Report::LongQueue, Report::ShortQueue, Report::CannotAccept];
        for report in reports.into_iter().chain(others).chain(further) {
            assert_eq!(Report::from_byte(report.byte()), Some(report));
        }
        assert_eq!(Overdue { pid: 0x0102, link: 3 }.message(), *b"o\x02\x01\0\0\x03\0\0\0");
        assert_eq!((Order::from_byte(0), Report::from_byte(0)), (None, None));
    }

    #[test]
    fn reports_are_taken_out_wherever_the_stream_is_cut() {
        let queue = Queue { waiting: 0x0102_0304, age: 5 };
        let bell = Bell(b'd');
        let stream = [&b"r\0"[..], &queue.message(), &bell.message(), b"D"].concat();
        let all = [Report::Ready, Report::Queue(queue), Report::Bell(bell), Report::HasDeadline];
        for cut in 0..=stream.len() {
            let mut reports = Reports::default();
            let (first, second) = stream.split_at(cut);
            assert_eq!([reports.take(first), reports.take(second)].concat(), all, "cut at {cut}");
            assert!(reports.rest.is_empty());
        }
    }

    #[test]
    fn signals_are_no_orders() {
        let mut bells = Bells::default();
        for number in 0..=u8::MAX {
            let message = Bell(number).message();
            assert_eq!(message.map(Order::from_byte), [None; 2]);
            assert_eq!(message.map(|byte| bells.take(byte)), [None, Some(Bell(number))]);
        }
        let torn = [0x81, b'd', 0x91, 0x92, 0x81, 0x82, 0x93];
        let found: Vec<_> = torn.into_iter().filter_map(|byte| bells.take(byte)).collect();
        assert_eq!(found, [Bell(0x23)]);
    }
}

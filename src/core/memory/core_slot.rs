//! One core's slot of the scoreboard: since when it is busy, until when it may be, with what request, where it is in it, and
//! who it is.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use serde::{Deserialize, Serialize};

use super::variables::{self, Variables};
use super::words;

const NUMBERS: usize = 24;

/// Where the core is in the application: 256 bytes of text.
const PLACE: usize = 32;

/// Bytes of such a text.
pub const PLACE_LEN: usize = PLACE * 8;

/// Words of a slot.
pub(super) const WORDS: usize = NUMBERS + PLACE + variables::WORDS;

/// One core's slot.
#[derive(Debug, Clone, Copy)]
pub struct CoreSlot {
    words: &'static [AtomicU64],
}

/// What the words are.
#[derive(Debug, Clone, Copy)]
enum Number {
    Since,
    Requests,
    Serial,
    Deadline,
    UserDeadline,
    Link,
    Thread,
    ThreadId,
    WriteErrors,
    ReadErrors,
    Statics,
    Offloaded,
    Phase,
    /// How often the place was told.
    Places,
    /// Bytes of the place, and the serial number of the request above them.
    PlaceOf,
    /// Serial number of the request whose variables are there.
    VariablesOf,
}

/// What a busy core is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// In the application, or on the way there or back.
    Application,
    /// Waiting for the client to send: a body, a message of a websocket.
    Reading,
    /// Waiting for the client to take the answer.
    Sending,
}

impl CoreSlot {
    pub(super) const fn new(words: &'static [AtomicU64]) -> Self {
        Self { words }
    }

    /// Marks the core busy since `now`, until `deadline` at most, both in microseconds of the monotonic clock.
    /// [`Self::describe`] it before.
    pub fn begin(self, now: u64, deadline: Option<u64>) {
        self.set(Number::Serial, self.get(Number::Serial) + 1);
        if let Some(deadline) = deadline {
            self.set(Number::Deadline, deadline);
        }
        if let Some(word) = self.word(Number::Since) {
            word.store(now, Release);
        }
    }

    /// Marks the core idle and counts the request.
    pub fn end(self) {
        self.clear();
        if let Some(word) = self.word(Number::Requests) {
            word.fetch_add(1, Relaxed);
        }
    }

    /// Marks the core idle: at the birth and at the death of its process.
    pub fn clear(self) {
        self.set(Number::Since, 0);
        self.set(Number::Deadline, 0);
        self.set(Number::UserDeadline, 0);
    }

    /// Start of the request in progress, microseconds of the monotonic clock; `None` when idle.
    #[must_use]
    pub fn busy_since(self) -> Option<u64> {
        self.word(Number::Since).map(|word| word.load(Acquire)).filter(|&since| since != 0)
    }

    /// Number of the request that began last: the same number is the same request.
    #[must_use]
    pub fn serial(self) -> u64 {
        self.get(Number::Serial)
    }

    /// Requests this core has finished.
    #[must_use]
    pub fn requests(self) -> u64 {
        self.get(Number::Requests)
    }

    /// Says over which link the request comes that is about to begin; `None`: over none.
    pub fn set_link(self, link: Option<u32>) {
        self.set(Number::Link, link.map_or(0, |link| u64::from(link) + 1));
    }

    /// The link over which the request in progress has come.
    #[must_use]
    pub fn link(self) -> Option<u32> {
        self.get(Number::Link).checked_sub(1).and_then(|link| u32::try_from(link).ok())
    }

    /// Moves the server's deadline, for a request that shows that it goes on; `None` takes it away.
    pub fn set_deadline(self, deadline: Option<u64>) {
        self.set(Number::Deadline, deadline.unwrap_or(0));
    }

    /// Sets the deadline that the application has chosen; 0 takes it back.
    pub fn set_user_deadline(self, deadline: u64) {
        self.set(Number::UserDeadline, deadline);
    }

    /// Until when the request in progress may take, and whether the application has chosen that. The earlier one counts.
    #[must_use]
    pub fn deadline(self) -> Option<(u64, bool)> {
        let given = |number| Some(self.get(number)).filter(|&deadline| deadline != 0);
        let of_the_server = given(Number::Deadline).map(|deadline| (deadline, false));
        let of_the_user = given(Number::UserDeadline).map(|deadline| (deadline, true));
        of_the_server.into_iter().chain(of_the_user).min()
    }

    /// Says which thread the core is: as the language names threads, and as the kernel does.
    pub fn set_thread(self, thread: u64, id: u64) {
        self.set(Number::Thread, thread);
        self.set(Number::ThreadId, id);
    }

    /// The core's thread: as the language names it, and as the kernel does. 0 before it runs.
    #[must_use]
    pub fn thread(self) -> (u64, u64) {
        (self.get(Number::Thread), self.get(Number::ThreadId))
    }

    /// Counts a request that a file has answered.
    pub fn count_static(self) {
        self.set(Number::Statics, self.statics() + 1);
    }

    /// Requests that files have answered.
    #[must_use]
    pub fn statics(self) -> u64 {
        self.get(Number::Statics)
    }

    /// Counts an answer that needed no core to be sent.
    pub fn count_offloaded(self) {
        self.set(Number::Offloaded, self.offloaded() + 1);
    }

    /// Answers that needed no core to be sent.
    #[must_use]
    pub fn offloaded(self) -> u64 {
        self.get(Number::Offloaded)
    }

    /// Counts an answer that could not be sent to its end. Offload threads count for the core as well.
    pub fn count_write_error(self) {
        if let Some(word) = self.word(Number::WriteErrors) {
            word.fetch_add(1, Relaxed);
        }
    }

    /// Answers that could not be sent to their end.
    #[must_use]
    pub fn write_errors(self) -> u64 {
        self.get(Number::WriteErrors)
    }

    /// Counts a request body that could not be read to its end.
    pub fn count_read_error(self) {
        self.set(Number::ReadErrors, self.read_errors() + 1);
    }

    /// Request bodies that could not be read to their end.
    #[must_use]
    pub fn read_errors(self) -> u64 {
        self.get(Number::ReadErrors)
    }

    /// Says what the core is doing: only when it has to wait for the client, and when it has done so.
    pub fn set_phase(self, phase: Phase) {
        self.set(Number::Phase, phase as u64);
    }

    /// What the core is doing in the request in progress.
    #[must_use]
    pub fn phase(self) -> Phase {
        match self.get(Number::Phase) {
            phase if phase == Phase::Reading as u64 => Phase::Reading,
            phase if phase == Phase::Sending as u64 => Phase::Sending,
            _ => Phase::Application,
        }
    }

    /// Tells where the core is in the application. Takes no lock and allocates nothing. An empty place: nowhere.
    pub fn tell_place(self, place: &[u8]) {
        let place = place.get(..PLACE_LEN).unwrap_or(place);
        words::write(self.words.get(NUMBERS..NUMBERS + PLACE).unwrap_or_default(), place);
        self.set(Number::PlaceOf, self.serial() << 16 | place.len() as u64);
        if let Some(word) = self.word(Number::Places) {
            word.fetch_add(1, Release);
        }
    }

    /// How often the place was told: it is there when this has changed.
    #[must_use]
    pub fn places(self) -> u64 {
        self.word(Number::Places).map_or(0, |word| word.load(Acquire))
    }

    /// The place that was told last, if that was of request `serial`.
    #[must_use]
    pub fn place(self, serial: u64) -> Option<Vec<u8>> {
        let (of, len) = (self.get(Number::PlaceOf) >> 16, self.get(Number::PlaceOf) & 0xffff);
        let words = self.words.get(NUMBERS..NUMBERS + PLACE).unwrap_or_default();
        let is_his = of == serial & (u64::MAX >> 16) && len > 0;
        is_his.then(|| words::read(words, usize::try_from(len).unwrap_or(0)))
    }

    /// Writes the variables of the request that is about to begin; `secrets` and `memory` as in [`Variables::write`].
    pub fn describe<'a>(self, vars: impl Iterator<Item = (&'a [u8], &'a [u8])>, secrets: bool, memory: &mut Vec<u8>) {
        self.area().write(vars, secrets, memory);
        self.set(Number::VariablesOf, self.serial() + 1);
    }

    /// The variables of the request in progress as `KEY=value`; none when nobody has written them.
    #[must_use]
    pub fn variables(self) -> Vec<Vec<u8>> {
        let are_his = self.get(Number::VariablesOf) == self.serial();
        if are_his { self.area().read() } else { Vec::new() }
    }

    fn area(self) -> Variables {
        Variables::new(self.words.get(NUMBERS + PLACE..).unwrap_or_default())
    }

    fn word(self, number: Number) -> Option<&'static AtomicU64> {
        self.words.get(number as usize)
    }

    fn get(self, number: Number) -> u64 {
        self.word(number).map_or(0, |word| word.load(Relaxed))
    }

    fn set(self, number: Number, value: u64) {
        if let Some(word) = self.word(number) {
            word.store(value, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> CoreSlot {
        CoreSlot::new(Vec::leak((0..WORDS).map(|_| AtomicU64::new(0)).collect()))
    }

    #[test]
    fn a_place_belongs_to_its_request() {
        let slot = slot();
        assert_eq!((slot.phase(), slot.places(), slot.place(0)), (Phase::Application, 0, None));
        slot.begin(1, None);
        slot.set_phase(Phase::Sending);
        slot.tell_place(b"/srv/app.py:12 index");
        assert_eq!((slot.phase(), slot.places()), (Phase::Sending, 1));
        assert_eq!(slot.place(1).as_deref(), Some(&b"/srv/app.py:12 index"[..]));
        assert_eq!(slot.place(2), None);
        slot.tell_place(&[b'x'; 300]);
        assert_eq!(slot.place(1).map(|place| place.len()), Some(PLACE_LEN));
        slot.tell_place(b"");
        assert_eq!((slot.places(), slot.place(1)), (3, None));
        assert!(slot.variables().is_empty());
    }

    #[test]
    fn variables_of_another_request_are_not_shown() {
        let slot = slot();
        slot.describe([(&b"A"[..], &b"1"[..])].into_iter(), false, &mut Vec::new());
        slot.begin(1, None);
        assert_eq!(slot.variables(), [b"A=1"]);
        slot.end();
        slot.begin(2, None);
        assert!(slot.variables().is_empty());
    }

    #[test]
    fn a_request_has_a_number_and_its_deadlines() {
        let slot = slot();
        slot.set_link(Some(0));
        slot.begin(1, Some(50));
        assert_eq!(slot.link(), Some(0));
        slot.set_link(None);
        assert_eq!(slot.link(), None);
        assert_eq!((slot.serial(), slot.deadline()), (1, Some((50, false))));
        slot.set_user_deadline(40);
        assert_eq!(slot.deadline(), Some((40, true)));
        slot.end();
        assert_eq!((slot.busy_since(), slot.deadline(), slot.requests()), (None, None, 1));
        slot.begin(2, None);
        assert_eq!((slot.serial(), slot.deadline()), (2, None));
    }
}

//! What came of a load.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::connection::Ending;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    endings: BTreeMap<Ending, u64>,
    /// Sent again on a new connection.
    retried: u64,
    /// Microseconds from the moment a request was due to the end of its answer.
    micros: Vec<u64>,
    pub(crate) time: Duration,
}

impl Tally {
    pub(crate) fn add(&mut self, ending: Ending, is_retried: bool, time: Duration) {
        *self.endings.entry(ending).or_default() += 1;
        self.retried += u64::from(is_retried);
        // One that has failed at once is not a quick answer.
        if ending == Ending::Answered {
            self.micros.push(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        }
    }

    pub(crate) fn answered(&self) -> u64 {
        self.endings.get(&Ending::Answered).copied().unwrap_or_default()
    }

    #[cfg(test)]
    pub(crate) fn failed(&self) -> u64 {
        self.endings.values().sum::<u64>() - self.answered()
    }

    /// What this part of the answered requests took at most.
    pub(crate) fn percentile(&self, part: f64) -> u64 {
        let mut micros = self.micros.clone();
        micros.sort_unstable();
        let at = (micros.len() as f64 * part).ceil() as usize;
        micros.get(at.saturating_sub(1)).copied().unwrap_or_default()
    }

    pub(crate) fn json(&self) -> String {
        let failed: Vec<String> = self
            .endings
            .iter()
            .filter_map(|(ending, count)| match ending {
                Ending::Answered => None,
                Ending::Status(status) => Some(format!("\"status {status}\":{count}")),
                other => Some(format!("\"{}\":{count}", format!("{other:?}").to_lowercase())),
            })
            .collect();
        format!(
            "{{\"seconds\":{},\"answered\":{},\"failed\":{{{}}},\"retried\":{},\"p50\":{},\"p99\":{},\"p999\":{}}}",
            self.time.as_secs_f64(),
            self.answered(),
            failed.join(","),
            self.retried,
            self.percentile(0.5),
            self.percentile(0.99),
            self.percentile(0.999)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        let mut tally = Tally { time: Duration::from_millis(1500), ..Tally::default() };
        for micros in 1..=1000 {
            tally.add(Ending::Answered, micros % 100 == 0, Duration::from_micros(micros));
        }
        tally.add(Ending::Status(502), false, Duration::ZERO);
        tally.add(Ending::Refused, false, Duration::ZERO);
        assert_eq!(
            tally.json(),
            "{\"seconds\":1.5,\"answered\":1000,\"failed\":{\"status 502\":1,\"refused\":1},\"retried\":10,\"p50\":500,\"p99\":990,\"p999\":999}"
        );
    }
}

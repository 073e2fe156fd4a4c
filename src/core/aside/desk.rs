//! Where messages to mules are handed in: every process of an instance has the same desk.

use std::sync::OnceLock;

use rsgi_abi::host::{MessageError, Recipient};
use rsgi_config::Aside;

use super::mailbox::{Addressee, Mailboxes, SendError};

/// The queues, and what farms are called.
#[derive(Debug)]
pub struct Desk {
    pub(super) mailboxes: Mailboxes,
    farms: Vec<(String, Vec<u32>)>,
}

static DESK: OnceLock<Desk> = OnceLock::new();

/// Opens the desk of this process and of its forks.
pub fn open(mailboxes: Mailboxes, config: &Aside) {
    DESK.get_or_init(|| Desk { mailboxes, farms: config.farms.clone() });
}

/// The desk; `None` outside of zygotes and their forks.
pub fn desk() -> Option<&'static Desk> {
    DESK.get()
}

impl Desk {
    /// Sends a message, without waiting.
    ///
    /// # Errors
    /// When there is no such mule or farm, or it cannot be sent; the latter is logged.
    pub fn send(&self, to: Recipient<'_>, message: &[u8]) -> Result<(), MessageError> {
        let addressee = self.addressee(to).ok_or(MessageError::Nobody)?;
        self.mailboxes.send(addressee, message).map_err(|error| match error {
            SendError::Nobody => MessageError::Nobody,
            error => {
                tracing::warn!("a message to {} is not sent: {error}", self.name(addressee));
                MessageError::Failed
            }
        })
    }

    fn addressee(&self, to: Recipient<'_>) -> Option<Addressee> {
        Some(match to {
            Recipient::Any => Addressee::Anyone,
            Recipient::Mule(number) => Addressee::Mule(number),
            Recipient::Farm(name) => {
                let place = self.farms.iter().position(|(farm, _)| farm.as_bytes() == name)?;
                Addressee::Farm(u32::try_from(place).ok()?)
            }
        })
    }

    /// What an address is called in the log.
    #[must_use]
    pub fn name(&self, addressee: Addressee) -> String {
        match addressee {
            Addressee::Anyone => "any mule".to_owned(),
            Addressee::Mule(number) => format!("mule {number}"),
            Addressee::Farm(place) => {
                let farm = usize::try_from(place).ok().and_then(|place| self.farms.get(place));
                format!("farm {}", farm.map_or("?", |(name, _)| name))
            }
        }
    }

    /// Whether a mule belongs to a farm; to any, when the name is empty.
    #[must_use]
    pub fn is_in_farm(&self, mule: u32, farm: &[u8]) -> bool {
        let mut farms = self.farms.iter().filter(|(name, _)| farm.is_empty() || name.as_bytes() == farm);
        farms.any(|(_, mules)| mules.contains(&mule))
    }

    /// Whether a mule reads the queue of a farm, by the farm's place in the configuration.
    pub(super) fn reads_farm(&self, mule: u32, place: u32) -> bool {
        let farm = usize::try_from(place).ok().and_then(|place| self.farms.get(place));
        farm.is_some_and(|(_, mules)| mules.contains(&mule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn farms_are_known_by_name_and_member() {
        let farms = vec![("mails".to_owned(), vec![1, 3]), ("sms".to_owned(), vec![2])];
        let config = Aside { mules: vec![None; 3], farms, ..Aside::default() };
        let desk = Desk { mailboxes: Mailboxes::new(&config).unwrap(), farms: config.farms };
        assert_eq!(desk.send(Recipient::Farm(b"sms"), b"x"), Ok(()));
        assert_eq!(desk.send(Recipient::Farm(b"post"), b"x"), Err(MessageError::Nobody));
        assert_eq!(desk.send(Recipient::Mule(4), b"x"), Err(MessageError::Nobody));
        assert!(desk.is_in_farm(3, b"mails") && desk.is_in_farm(2, b"") && !desk.is_in_farm(2, b"mails"));
        assert!(desk.reads_farm(2, 1) && !desk.reads_farm(2, 0) && !desk.reads_farm(2, 7));
        assert_eq!(desk.name(Addressee::Farm(0)), "farm mails");
    }
}

//! What comes through the log's pipe: an application may write anything there, half a line or what looks like a record of ours. Nothing is
//! lost but line ends, nothing is made up, and records of ours that are whole come out at once.
//!
//! The input is a list of writes, each with its length in front.

use rsgi::logging::collector::records::Records;

const MARK: &[u8] = b"\x1ersgi\x1f";

pub(crate) fn run(mut input: &[u8]) {
    let (mut records, mut all, mut written) = (Records::default(), Vec::new(), 0);
    while let [length, rest @ ..] = input {
        let (packet, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        // A pipe in packet mode gives no empty packets.
        if !packet.is_empty() {
            let before = all.len();
            records.take(packet, &mut |record| all.push(record.to_vec()));
            if let Some(record) = packet.strip_prefix(MARK).and_then(|packet| packet.strip_prefix(b"w")) {
                let record = record.strip_suffix(b"\n").unwrap_or(record);
                assert_eq!(all.get(before..), Some(&[record.to_vec()][..]), "a whole one comes at once, and alone");
            }
        }
        written += packet.len();
        input = rest;
    }
    records.end(&mut |record| all.push(record.to_vec()));
    assert!(all.iter().map(Vec::len).sum::<usize>() <= written);
    let more = all.len();
    records.end(&mut |record| all.push(record.to_vec()));
    assert_eq!(all.len(), more, "nothing is left after the end");
}

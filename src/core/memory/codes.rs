//! Status codes as places in a short table, so that counting one takes a word and no search.

/// Codes that are counted one by one (RFC 9110 §15, the IANA registry, and nginx's 499).
const KNOWN: [u16; 54] = [
    101, 200, 201, 202, 203, 204, 205, 206, 207, 300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 406,
    407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499,
    500, 501, 502, 503, 504, 505, 507, 508,
];

/// Status of a request whose client left before an answer began.
pub const CLIENT_LEFT: u16 = 499;

/// Classes of codes: 1xx to 5xx. What an application makes up beyond those counts as 5xx.
pub const CLASSES: usize = 5;

/// Places in the table: the known codes, then one for all other codes of each class.
pub(super) const PLACES: usize = KNOWN.len() + CLASSES;

/// Where each code from 0 to 599 is counted.
static PLACE: [u8; 600] = places();

#[expect(clippy::indexing_slicing, reason = "made when this is compiled")]
const fn places() -> [u8; 600] {
    let mut table = [0; 600];
    let mut code = 0;
    while code < table.len() {
        table[code] = (KNOWN.len() + class_of(code)) as u8;
        code += 1;
    }
    let mut place = 0;
    while place < KNOWN.len() {
        table[KNOWN[place] as usize] = place as u8;
        place += 1;
    }
    table
}

const fn class_of(code: usize) -> usize {
    match code / 100 {
        0 | 1 => 0,
        hundreds if hundreds < CLASSES => hundreds - 1,
        _ => CLASSES - 1,
    }
}

/// The class of a code: 0 for 1xx.
#[must_use]
pub const fn class(code: u16) -> usize {
    class_of(code as usize)
}

/// Where a code is counted.
#[must_use]
pub(super) fn place(code: u16) -> usize {
    PLACE.get(code as usize).map_or(PLACES - 1, |&place| place as usize)
}

/// What is counted in a place: `404`, or `4xx` for codes of that class which have no place of their own.
#[must_use]
pub(super) fn name(place: usize) -> String {
    match KNOWN.get(place) {
        Some(code) => code.to_string(),
        None => class_name(place - KNOWN.len()),
    }
}

/// The name of a class: `1xx` for 0.
#[must_use]
pub fn class_name(class: usize) -> String {
    format!("{}xx", class + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_place() {
        for (code, wanted) in
            [(200, "200"), (404, "404"), (499, "499"), (508, "508"), (299, "2xx"), (100, "1xx"), (0, "1xx")]
        {
            assert_eq!(name(place(code)), wanted);
        }
        for (code, wanted) in [(599, "5xx"), (600, "5xx"), (999, "5xx"), (u16::MAX, "5xx")] {
            assert_eq!(name(place(code)), wanted);
        }
        let names: std::collections::HashSet<_> = (0..PLACES).map(name).collect();
        assert_eq!(names.len(), PLACES);
    }
}

//! HTTP/1.1 byte by byte, on the worker's own socket and on the router: `cases/*.txt` say what is sent and what must come of it.
//! The first fifteen themes are the lines on framing of a checklist for servers that stand on the open internet; the last is
//! about its lines on what may be believed.

mod corpus;
mod differential;
mod doors;
mod exchange;
mod expect;
mod pipelines;
pub(crate) mod random;
mod smuggling;
mod unread;
mod witness;

use crate::support::results;

/// Runs one theme on a server of its own.
macro_rules! themes {
    ($($(#[$what:meta])* $test:ident: $theme:literal,)*) => {
        $($(#[$what])* #[test]
        fn $test() {
            let cases = corpus::theme($theme);
            doors::check(&witness::start(""), &cases);
            results::record("HTTP/1.1", $theme, cases.len(), 0);
        })*

        const THEMES: &[&str] = &[$($theme),*];
    };
}

themes! {
    line_01_lines_end_in_crlf_only: "01-line-ends",
    line_02_controls_are_refused_and_nothing_else_is_trimmed: "02-controls",
    line_03_content_length_is_digits_and_once: "03-content-length",
    line_04_transfer_encoding_is_chunked_and_once: "04-transfer-encoding",
    line_05_both_framings_are_refused: "05-both-framings",
    line_06_chunks_are_exact: "06-chunks",
    line_07_trailers_change_nothing: "07-trailers",
    line_08_field_names_are_tokens: "08-field-names",
    line_09_one_valid_host_and_legal_targets: "09-hosts-and-targets",
    line_10_versions_and_methods: "10-versions-and-methods",
    line_11_nothing_is_parsed_behind_an_error: "11-behind-errors",
    line_12_unread_bodies_are_no_requests: "12-unread-bodies",
    line_13_expectations: "13-expect",
    line_14_answers_without_a_body: "14-no-body",
    line_15_answers_of_the_application_are_checked: "15-answer-headers",
    field_values: "16-field-values",
    connections_that_stay_and_that_end: "17-connections",
    limits: "18-limits",
    lines_16_to_18_what_a_client_claims_is_not_believed: "19-trust",
}

#[test]
fn every_file_of_cases_is_run_and_there_are_enough() {
    assert_eq!(corpus::themes(), THEMES);
    let count = corpus::all().len();
    assert!(count >= 600, "{count} cases");
}

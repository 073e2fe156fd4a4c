//! Options that fit nowhere else.

use crate::option::{Act, Arg, Group, OPT, Opt, Tier};
use crate::source::Directive;

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "help",
        aliases: &["usage"],
        short: Some('h'),
        arg: Arg::None,
        tier: Tier::Quickstart,
        group: Group::General,
        example: "help =",
        doc: "Prints all options and ends.",
        act: Act::Read(Directive::Help),
        ..OPT
    },
    Opt {
        name: "dump-options",
        arg: Arg::None,
        group: Group::General,
        example: "dump-options =",
        doc: "Prints the names of all options and ends.",
        act: Act::Read(Directive::Names),
        ..OPT
    },
    Opt {
        name: "version",
        arg: Arg::None,
        tier: Tier::Quickstart,
        group: Group::General,
        example: "version =",
        doc: "Prints the version and ends.",
        act: Act::Read(Directive::Version),
        ..OPT
    },
    Opt {
        name: "show-config",
        arg: Arg::None,
        group: Group::General,
        default: "off",
        field: "/show_config",
        example: "show-config = true",
        doc: "Prints the configuration in effect as ini at the start.",
        act: Act::Set(|d, v| {
            d.config.show_config = v.switch();
            Ok(())
        }),
        ..OPT
    },
];

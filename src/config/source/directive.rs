//! The options that act while sources are read, before any other option counts.

use super::{Format, Test};
use crate::Message;
use crate::lookup::{Known, find};
use crate::option::Act;

/// An option that acts while sources are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directive {
    /// Reads another file at this place.
    Load(Format),
    /// Reads the options of a Paste Deploy file and names it as the application's.
    IniPaste,
    /// Reads another file after all others.
    Inherit,
    /// Defines a placeholder, or sets an option.
    Set,
    /// Defines a placeholder, which must not be an option.
    SetPlaceholder,
    /// Repeats the lines up to the end of the block.
    Repeat(Repeat),
    /// Takes the lines up to the end of the block if the test says so; with `true`, if it does not.
    When(Test, bool),
    /// Ends a block.
    End,
    /// Turns the block to what is taken when its test failed.
    Else,
    /// Puts the text of a file before that of ini files to come; with `true`, behind it.
    Inject(bool),
    /// Defines an option that stands for others.
    Declare,
    /// Forbids some options up to the end of the fence; with `true`, all others.
    Fence(bool),
    /// Ends a fence.
    EndFence,
    /// Makes unknown keys errors from here on.
    Strict,
    /// Prints all options and ends.
    Help,
    /// Prints the version and ends.
    Version,
    /// Prints the names of all options and ends.
    Names,
    /// Prints a text at the start.
    Print,
    /// Prints the value of an option and ends.
    Get,
    /// Tells a running instance something and ends.
    Tell(Message),
    /// Ends with a code.
    Exit,
}

impl Directive {
    /// Whether it acts only after everything is read and expanded.
    pub(crate) fn waits(self) -> bool {
        matches!(self, Self::Inherit | Self::Print | Self::Get)
    }
}

/// What a loop runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Words separated by blanks.
    Words,
    /// Paths that match a pattern.
    Glob,
    /// Numbers from 1.
    Times,
    /// Lines of a file.
    Lines,
}

/// What a key does while sources are read.
pub(crate) fn directive(key: &str) -> Option<Directive> {
    match find(key) {
        Some(Known::Row(opt)) => match opt.act {
            Act::Read(directive) => Some(directive),
            _ => None,
        },
        _ => None,
    }
}

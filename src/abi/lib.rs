//! The C border between the language-free core and a language plugin.
//!
//! * [`types`]: the `repr(C)` tables both sides agree on. Version and size come first; fields are only ever appended.
//! * [`host`]: the core's side. Loads a plugin, hides its function table behind safe methods.
//! * [`guest`]: the plugin's side. Safe views of a request and of the core's callbacks.
//! * [`head`]: response heads, checked and serialised by the plugin while the application can still be told off.
//!
//! A plugin exports one symbol, [`types::ENTRY`], a function that returns a [`types::Plugin`]. It is loaded with
//! `RTLD_NOW | RTLD_GLOBAL` (extension modules look up the interpreter's symbols globally) and never unloaded.

pub mod guest;
pub mod head;
pub mod host;
#[cfg(feature = "testing")]
pub mod testing;
pub mod types;

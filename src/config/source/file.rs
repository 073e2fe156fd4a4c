//! Finds, opens and reads configuration files, and chooses the format.

use std::io::Read;
use std::sync::Arc;

use super::{Halt, Reader};
use crate::diagnostic::{Diagnostic, cause};
use crate::embed::scheme_content;
use crate::magic::{self, FileNames};
use crate::origin::Origin;

/// Largest file that is read.
const LARGEST: u64 = 16 << 20;
/// Deepest nesting of files.
const DEEPEST: usize = 32;
/// Most files of one configuration, each as often as it is read: in a loop they load each other without end.
const MOST: usize = 2_000;

/// The format of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Whatever its suffix says.
    BySuffix,
    /// ini.
    Ini,
    /// YAML.
    Yaml,
    /// JSON.
    Json,
    /// XML.
    Xml,
    /// TOML.
    Toml,
}

/// A file that was read.
pub(super) struct Loaded {
    /// The name as given, without the section.
    pub(super) name: Arc<str>,
    /// The section asked for; empty for the default one.
    pub(super) section: String,
    /// Its content.
    pub(super) bytes: Vec<u8>,
}

impl Loaded {
    /// The content as text.
    pub(super) fn text(&self, from: &Origin) -> Result<&str, Halt> {
        std::str::from_utf8(&self.bytes).map_err(|_| {
            let error = Diagnostic::error(format!("{} is not UTF-8", self.name));
            error.help("save the file as UTF-8").at_value(from).into()
        })
    }
}

impl Format {
    /// The format that a name stands for by its suffix.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let (_, suffix) = name.rsplit_once('.')?;
        Some(match suffix {
            "ini" => Self::Ini,
            "yaml" | "yml" => Self::Yaml,
            "json" | "js" => Self::Json,
            "xml" => Self::Xml,
            "toml" => Self::Toml,
            _ => return None,
        })
    }
}

impl Reader<'_> {
    /// Reads the file `text` names: `path`, `path:section`, `:section`, `-`, `exec://command` or
    /// `fd://N`.
    pub(super) fn load(&mut self, text: &str, format: Format, from: &Origin) -> Result<(), Halt> {
        if from.depth() >= DEEPEST {
            let error = Diagnostic::error(format!("files load each other, {DEEPEST} deep"));
            return Err(error.help("remove the line that closes the circle").at_value(from).into());
        }
        self.count_file(from)?;
        let (name, section) = self.split(text, format, from)?;
        let format = match format {
            Format::BySuffix => Format::of(&name).ok_or_else(|| not_a_config(text, None, from))?,
            given => given,
        };
        let bytes = self.content(&name, from)?;
        if format == Format::Ini {
            self.last_ini = Some(name.clone());
        }
        let names = match name.contains("://") {
            // As under uWSGI, such a text goes by the names of a file before it.
            true => self.first.clone().unwrap_or_default().given_as(&name, &section),
            false => {
                self.files.push(self.machine.path(&name));
                FileNames::of(&name, &section, self.machine)
            }
        };
        self.first.get_or_insert_with(|| names.clone());
        let file = Loaded { name: name.as_str().into(), section, bytes };
        // A block of the file above goes on behind this one.
        let outer = self.block.take();
        match format {
            Format::Ini | Format::BySuffix => self.read_ini(&file, &names, from)?,
            Format::Yaml => self.read_yaml(&file, &names, from)?,
            Format::Json => self.read_json(&file, &names, from)?,
            Format::Xml => self.read_xml(&file, &names, from)?,
            Format::Toml => self.read_toml(&file, &names, from)?,
        }
        self.close_block();
        self.block = outer;
        Ok(())
    }

    /// Takes note of another file that is read, and refuses one too many.
    fn count_file(&mut self, from: &Origin) -> Result<(), Halt> {
        self.loads += 1;
        if self.loads > MOST {
            let error = Diagnostic::error(format!("more than {MOST} files are read"));
            return Err(error.help("look for a loop that loads the file it is in").at_value(from).into());
        }
        Ok(())
    }

    /// What is put before or behind the text of an ini file.
    pub(super) fn injected(&mut self, names: &[String], from: &Origin) -> Result<Vec<Loaded>, Halt> {
        let read = |name: &String| {
            self.count_file(from)?;
            let bytes = self.content(name, from)?;
            Ok(Loaded { name: name.as_str().into(), section: String::new(), bytes })
        };
        names.iter().map(read).collect()
    }

    /// Takes a key and a value of a file, once their magic variables are replaced.
    pub(super) fn take_pair(&mut self, key: &str, value: &str, names: &FileNames, origin: Origin) -> Result<(), Halt> {
        let (key, _) = self.replace_magic(key, names);
        let trimmed = value.trim() == value;
        let (value, dropped) = self.replace_magic(value, names);
        // uWSGI replaces before it trims, so blanks beside an empty variable go.
        let value = if trimmed { value.trim() } else { &value };
        if let Some(letter) = dropped.first() {
            let message = format!("{key}: %{letter} means nothing and is left out");
            self.warnings.push(Diagnostic::warning(message).help("write %% for a percent sign").at_value(&origin));
        }
        self.add(&key, value, origin)
    }

    /// Says that a file lacks the section asked for.
    pub(super) fn no_section(&mut self, section: &str, file: &str, from: &Origin) {
        let message = format!("no section {section} in {file}, nothing is taken from it");
        let help = format!("write {section} above the options");
        self.warnings.push(Diagnostic::warning(message).help(help).at_value(from));
    }

    /// Magic variables of one text of a file.
    fn replace_magic(&self, text: &str, names: &FileNames) -> (String, Vec<char>) {
        magic::replace(text, names, self.first.as_ref().unwrap_or(names), self.machine)
    }

    /// Splits `path:section`. Without a path it is the ini file read last, as under uWSGI; in other formats, which have no
    /// such thing there, the file that names it.
    fn split(&self, text: &str, format: Format, from: &Origin) -> Result<(String, String), Halt> {
        if let Some(section) = text.strip_prefix(':') {
            let last = self.last_ini.as_deref().filter(|_| format == Format::Ini);
            let file = last.or_else(|| from.file().map(|file| &**file)).ok_or_else(|| {
                let error = Diagnostic::error(format!("{text} names a section of a file, but no file"));
                Halt::from(error.help("write file.ini:section").at_value(from))
            })?;
            return Ok((file.to_string(), section.into()));
        }
        match text.rsplit_once(':') {
            Some((path, section)) if !section.contains('/') && !self.machine.path(text).exists() => {
                Ok((path.into(), section.into()))
            }
            _ => Ok((text.into(), String::new())),
        }
    }

    fn content(&self, name: &str, from: &Origin) -> Result<Vec<u8>, Halt> {
        if let Some((scheme, rest)) = name.split_once("://") {
            return scheme_content(scheme, rest, name, self.machine).map_err(|fault| {
                let error = Diagnostic { help: fault.help, ..Diagnostic::error(fault.problem) };
                error.at_value(from).into()
            });
        }
        let mut bytes = Vec::new();
        let read = match name {
            "" => Err(std::io::Error::other("no file is named")),
            "-" if self.machine.is_confined => Err(std::io::ErrorKind::PermissionDenied.into()),
            "-" => std::io::stdin().take(LARGEST + 1).read_to_end(&mut bytes),
            _ => (self.machine.readable(name).and_then(std::fs::File::open))
                .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)),
        };
        match read {
            Ok(_) if bytes.len() as u64 <= LARGEST => Ok(bytes),
            Ok(_) => Err(Diagnostic::error(format!("{name} is larger than {LARGEST} bytes")).at_value(from).into()),
            Err(error) => {
                let message = Diagnostic::error(format!("{name} cannot be read: {}", cause(&error)));
                Err(message.help(self.advice(name, from)).at_value(from).into())
            }
        }
    }

    /// What to do about a file that cannot be read.
    fn advice(&self, name: &str, from: &Origin) -> String {
        if let Some(placeholder) = name.find("%(").or_else(|| name.find("$(")) {
            let name = name.get(placeholder..).unwrap_or(name);
            return format!("define {name} above this line, or write the path itself");
        }
        let beside = from.file().map(|file| self.machine.path(file).with_file_name(name));
        match beside.filter(|path| path.exists()) {
            Some(_) => format!("it lies beside the file that names it; write %d{name}"),
            None => format!("paths are relative to {}", self.machine.cwd.display()),
        }
    }
}

/// The message about a name without the suffix of a configuration file.
pub(super) fn not_a_config(text: &str, advice: Option<String>, from: &Origin) -> Halt {
    let error = Diagnostic::error(format!("unable to load configuration from {text}"));
    let help = match advice {
        Some(advice) => advice,
        _ if text.ends_with(".py") || text.ends_with(".wsgi") => format!("write --wsgi-file {text}"),
        _ if text.starts_with(':')
            || text.parse::<crate::Address>().is_ok_and(|a| matches!(a, crate::Address::Tcp { .. })) =>
        {
            format!("write --http {text}")
        }
        None => format!("a configuration file ends in .ini; otherwise write --ini {text}"),
    };
    error.help(help).at_value(from).into()
}

//! The words behind `rsgi top`, `rsgi stats`, `rsgi healthcheck`, `rsgi reload` and `rsgi upgrade`.

use std::ffi::OsString;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

use rsgi_config::{Address, Tool};

/// Which instance is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The only one there is.
    Only,
    /// The one whose master is this process.
    Pid(u32),
    /// The one whose process id this file holds.
    PidFile(PathBuf),
    /// The one that was started with this file, or whose process id it holds.
    File(PathBuf),
    /// The one whose control socket or stats server is this file.
    Socket(PathBuf),
    /// The one that serves its stats here.
    Stats(Address),
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Which instance.
    pub target: Target,
    /// As JSON.
    pub json: bool,
    /// Until it has ended.
    pub wait: bool,
    /// One worker after the other.
    pub rolling: bool,
}

/// Words that do not fit.
#[derive(Debug, thiserror::Error)]
pub enum WordsError {
    /// One too many, or unknown.
    #[error("{word} is not understood; write rsgi {tool} {usage}")]
    Unknown {
        /// The word.
        word: String,
        /// The subcommand.
        tool: &'static str,
        /// What may follow it.
        usage: &'static str,
    },
    /// `--pid` alone.
    #[error("--pid wants the number of a process, or a pid file")]
    NoPid,
    /// Neither a file nor an address.
    #[error("{0} is neither a file nor the address of a stats server")]
    Nothing(String),
}

impl Words {
    /// Reads the words.
    ///
    /// # Errors
    /// Those that do not fit.
    pub fn read(tool: Tool, words: &[OsString]) -> Result<Self, WordsError> {
        let (name, usage) = match tool {
            Tool::Top => ("top", "[--pid PID|FILE] [FILE | ADDRESS]"),
            Tool::Stats => ("stats", "[--json] [--pid PID|FILE] [FILE | ADDRESS]"),
            Tool::Healthcheck => ("healthcheck", "[--pid PID|FILE] [FILE]"),
            Tool::Reload => ("reload", "[--wait] [--rolling] [--pid PID|FILE] [FILE]"),
            Tool::Upgrade => ("upgrade", "[--pid PID|FILE] [FILE]"),
        };
        let mut read = Self { target: Target::Only, json: false, wait: false, rolling: false };
        let mut words = words.iter().map(|word| word.to_string_lossy().into_owned());
        while let Some(word) = words.next() {
            let target = match word.as_str() {
                "--json" if tool == Tool::Stats => {
                    read.json = true;
                    continue;
                }
                "--wait" if tool == Tool::Reload => {
                    read.wait = true;
                    continue;
                }
                "--rolling" if tool == Tool::Reload => {
                    read.rolling = true;
                    continue;
                }
                "--pid" | "--pidfile" => pid(&words.next().ok_or(WordsError::NoPid)?),
                _ if word.starts_with("--pid=") => pid(word.trim_start_matches("--pid=")),
                _ if word.starts_with('-') => return Err(WordsError::Unknown { word, tool: name, usage }),
                _ => place(&word)?,
            };
            if read.target != Target::Only {
                return Err(WordsError::Unknown { word, tool: name, usage });
            }
            read.target = target;
        }
        Ok(read)
    }
}

fn pid(word: &str) -> Target {
    word.parse().map_or_else(|_| Target::PidFile(word.into()), Target::Pid)
}

fn place(word: &str) -> Result<Target, WordsError> {
    // A configuration file may be named with its section.
    let file = word.rsplit_once(':').map_or(word, |(file, _)| file);
    for name in [word, file] {
        let path = PathBuf::from(name);
        if path.is_file() {
            return Ok(Target::File(path));
        }
    }
    if let Ok(pid) = word.parse() {
        return Ok(Target::Pid(pid));
    }
    let path = PathBuf::from(word);
    if std::fs::metadata(&path).is_ok_and(|found| found.file_type().is_socket()) {
        return Ok(Target::Socket(path));
    }
    let looks_like_one = word.contains(['/', ':', '@']);
    let address = word.parse().ok().filter(|_| looks_like_one);
    address.map(Target::Stats).ok_or_else(|| WordsError::Nothing(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tool: Tool, line: &str) -> Result<Words, String> {
        let words: Vec<_> = line.split_whitespace().map(OsString::from).collect();
        Words::read(tool, &words).map_err(|error| error.to_string())
    }

    #[test]
    fn an_instance_has_many_names() {
        let target = |line: &str| read(Tool::Top, line).unwrap().target;
        assert_eq!(target(""), Target::Only);
        assert_eq!(target("--pid 7"), Target::Pid(7));
        assert_eq!(target("--pid=/run/shop.pid"), Target::PidFile("/run/shop.pid".into()));
        assert_eq!(target("4711"), Target::Pid(4711));
        assert_eq!(target("127.0.0.1:9191"), Target::Stats("127.0.0.1:9191".parse().unwrap()));
        assert_eq!(target("/run/stats.sock"), Target::Stats("/run/stats.sock".parse().unwrap()));
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(target(&socket.to_string_lossy()), Target::Socket(socket));
        let file = tempfile::NamedTempFile::new().unwrap();
        let name = file.path().to_string_lossy().into_owned();
        assert_eq!(target(&name), Target::File(file.path().into()));
        assert_eq!(target(&format!("{name}:live")), Target::File(file.path().into()));
        assert!(read(Tool::Stats, "--json :9191").unwrap().json);
        let reload = read(Tool::Reload, "--wait 7 --rolling").unwrap();
        assert_eq!((reload.wait, reload.rolling, reload.target), (true, true, Target::Pid(7)));
    }

    #[test]
    fn wrong_words() {
        insta::assert_snapshot!(read(Tool::Top, "--json").unwrap_err(), @"--json is not understood; write rsgi top [--pid PID|FILE] [FILE | ADDRESS]");
        insta::assert_snapshot!(read(Tool::Stats, "7 8").unwrap_err(), @"8 is not understood; write rsgi stats [--json] [--pid PID|FILE] [FILE | ADDRESS]");
        insta::assert_snapshot!(read(Tool::Top, "--pid").unwrap_err(), @"--pid wants the number of a process, or a pid file");
        insta::assert_snapshot!(read(Tool::Top, "shop").unwrap_err(), @"shop is neither a file nor the address of a stats server");
    }
}

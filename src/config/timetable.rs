//! Commands beside the instance: daemons that it keeps alive, and commands at set times.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::value::{Fault, Value, pairs};

/// A command that the master keeps running (`attach-daemon` and its kin).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    /// For the shell.
    pub command: String,
    /// It lives by this file, over reloads and beyond this instance.
    pub pidfile: Option<PathBuf>,
    /// The command does not detach itself; the master writes the file.
    pub stays: bool,
    /// The instance ends with it.
    pub control: bool,
    /// Seconds between two looks at the pid file.
    pub period: u64,
    /// The signal that ends it.
    pub stop_signal: i32,
    /// The signal for a reload of the instance; `None`: it is ended and started again.
    pub reload_signal: Option<i32>,
    /// Restarted when one of these files is touched.
    pub touch: Vec<PathBuf>,
    /// Where it runs.
    pub chdir: Option<PathBuf>,
    /// Name or number of the user that it runs as.
    pub user: Option<String>,
    /// Name or number of its group.
    pub group: Option<String>,
    /// It has the master's standard input instead of none.
    pub stdin: bool,
    /// Longest pause in seconds before it is started again when it keeps ending.
    pub max_throttle: Option<u64>,
}

/// A command at set times (`cron` and its kin).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cron {
    /// For the shell.
    pub command: String,
    /// 0 to 59.
    pub minute: Times,
    /// 0 to 23.
    pub hour: Times,
    /// 1 to 31.
    pub day: Times,
    /// 1 to 12.
    pub month: Times,
    /// 0 to 6, Sunday first.
    pub week: Times,
    /// Not while the previous run lasts.
    pub unique: bool,
    /// Seconds that a run may take, instead of those that any may; 0: for ever.
    pub harakiri: Option<u64>,
}

/// When a part of the time fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Times {
    /// Always: -1.
    Any,
    /// At this number.
    At(u32),
    /// At the multiples of this number: -2, -3…
    Every(u32),
    /// From the first to the last of these.
    Range(u32, u32),
}

/// Usual seconds between two looks at a pid file.
const PERIOD: u64 = 10;

impl Times {
    /// Whether `now` fits.
    #[must_use]
    pub const fn fits(self, now: u32) -> bool {
        match self {
            Self::Any => true,
            Self::At(number) => now == number,
            Self::Every(number) => now.is_multiple_of(number),
            Self::Range(first, last) => first <= now && now <= last,
        }
    }

    fn read(text: &str, what: &str, last: u32) -> Result<Self, Fault> {
        let fault = || {
            let help =
                format!("write -1 for every {what}, -N for every N, a number up to {last}, or a range such as 1-5");
            Fault::new(format!("expected a {what}, found \"{text}\""), help)
        };
        if let Ok(number) = text.parse::<i32>() {
            return Ok(match number {
                -1 => Self::Any,
                ..-1 => Self::Every(number.unsigned_abs()),
                number => {
                    // Sunday is 0 and 7.
                    let number = if what == "week" && number == 7 { 0 } else { number };
                    Self::At(u32::try_from(number).ok().filter(|number| *number <= last).ok_or_else(fault)?)
                }
            });
        }
        let (first, end) = text.split_once('-').ok_or_else(fault)?;
        let number = |text: &str| text.parse().ok().filter(|number: &u32| *number <= last).ok_or_else(fault);
        let (first, end) = (number(first)?, number(end)?);
        if first <= end { Ok(Self::Range(first, end)) } else { Err(fault()) }
    }
}

impl Cron {
    /// Reads `MINUTE HOUR DAY MONTH WEEKDAY COMMAND`.
    pub(crate) fn read(value: &Value<'_>, unique: bool) -> Result<Self, Fault> {
        let text = value.word()?;
        let mut rest = text.as_str();
        let mut next = || {
            let (word, behind) = rest.trim_start().split_once(char::is_whitespace)?;
            rest = behind;
            Some(word)
        };
        let words = [next(), next(), next(), next(), next()];
        let [Some(minute), Some(hour), Some(day), Some(month), Some(week)] = words else {
            return Err(Fault::new("expected five times and a command", "write MINUTE HOUR DAY MONTH WEEKDAY COMMAND"));
        };
        let command = rest.trim();
        if command.is_empty() {
            return Err(Fault::bare("expected a command behind the five times"));
        }
        Ok(Self {
            command: command.to_owned(),
            minute: Times::read(minute, "minute", 59)?,
            hour: Times::read(hour, "hour", 23)?,
            day: Times::read(day, "day", 31)?,
            month: Times::read(month, "month", 12)?,
            week: Times::read(week, "week", 6)?,
            unique,
            harakiri: None,
        })
    }

    /// Reads `KEY=VALUE,KEY=VALUE COMMAND`; what is not named is every one.
    pub(crate) fn read_keys(value: &Value<'_>) -> Result<Self, Fault> {
        let text = value.word()?;
        let (keys, command) = text.split_once(' ').unwrap_or(("", &text));
        let (keys, command) = if keys.contains('=') { (keys, command) } else { ("", text.as_str()) };
        let any = Times::Any;
        let mut cron = Self {
            command: command.trim().to_owned(),
            minute: any,
            hour: any,
            day: any,
            month: any,
            week: any,
            unique: false,
            harakiri: None,
        };
        for (key, value) in pairs(keys)? {
            let (key, value) = (key.as_str(), value.as_str());
            match key {
                "minute" => cron.minute = Times::read(value, "minute", 59)?,
                "hour" => cron.hour = Times::read(value, "hour", 23)?,
                "day" => cron.day = Times::read(value, "day", 31)?,
                "month" => cron.month = Times::read(value, "month", 12)?,
                "week" => cron.week = Times::read(value, "week", 6)?,
                "unique" => cron.unique = value != "0",
                "harakiri" => cron.harakiri = Some(number(key, value)?),
                other => return Err(unknown(other, "minute, hour, day, month, week, unique, harakiri")),
            }
        }
        Ok(cron)
    }
}

impl Daemon {
    /// Reads `COMMAND`.
    pub(crate) fn read(value: &Value<'_>, control: bool) -> Result<Self, Fault> {
        Ok(Self { control, ..Self::of(value.word()?) })
    }

    /// Reads `PIDFILE[,PERIOD] COMMAND`.
    pub(crate) fn read_smart(value: &Value<'_>, stays: bool) -> Result<Self, Fault> {
        let text = value.word()?;
        let parts = text.split_once(' ').map(|(file, command)| (file, command.trim()));
        let Some((file, command)) = parts.filter(|(_, command)| !command.is_empty()) else {
            return Err(Fault::new("expected a pid file and a command", "write PIDFILE COMMAND"));
        };
        let mut daemon = Self { stays, ..Self::of(command.to_owned()) };
        let (file, period) = file.split_once(',').map_or((file, None), |(file, period)| (file, Some(period)));
        daemon.pidfile = Some(file.into());
        if let Some(period) = period {
            daemon.look_every(period)?;
        }
        Ok(daemon)
    }

    /// Reads `KEY=VALUE,KEY=VALUE`.
    pub(crate) fn read_keys(value: &Value<'_>) -> Result<Self, Fault> {
        let text = value.word()?;
        let mut daemon = Self::of(String::new());
        for (key, value) in pairs(&text)? {
            let (key, value) = (key.as_str(), value.as_str());
            match key {
                "cmd" | "command" | "exec" => value.clone_into(&mut daemon.command),
                "pidfile" => daemon.pidfile = Some(value.into()),
                "freq" => daemon.look_every(value)?,
                "control" => daemon.control = value != "0",
                "daemonize" | "daemon" => daemon.stays = value != "0",
                "touch" => daemon.touch = value.split(';').map(PathBuf::from).collect(),
                "stopsignal" | "stop_signal" => daemon.stop_signal = number(key, value)?,
                "reloadsignal" | "reload_signal" => daemon.reload_signal = Some(number(key, value)?),
                "chdir" => daemon.chdir = Some(value.into()),
                "uid" => daemon.user = Some(value.into()),
                "gid" => daemon.group = Some(value.into()),
                "stdin" => daemon.stdin = value != "0",
                "max_throttle" | "max-throttle" => daemon.max_throttle = Some(number(key, value)?),
                other => {
                    return Err(unknown(
                        other,
                        "cmd, pidfile, freq, control, daemonize, touch, stopsignal, reloadsignal, chdir, uid, gid, stdin, max_throttle",
                    ));
                }
            }
        }
        if daemon.command.is_empty() {
            return Err(Fault::new("expected a command", "write cmd=COMMAND"));
        }
        Ok(daemon)
    }

    /// Sets the period; 0 is the usual one.
    fn look_every(&mut self, period: &str) -> Result<(), Fault> {
        self.period = match number("the period", period)? {
            0 => PERIOD,
            period => period,
        };
        Ok(())
    }

    fn of(command: String) -> Self {
        const SIGTERM: i32 = 15;
        Self {
            command,
            pidfile: None,
            stays: false,
            control: false,
            period: PERIOD,
            stop_signal: SIGTERM,
            reload_signal: None,
            touch: Vec::new(),
            chdir: None,
            user: None,
            group: None,
            stdin: false,
            max_throttle: None,
        }
    }
}

fn number<N: std::str::FromStr>(key: &str, value: &str) -> Result<N, Fault> {
    value.parse().map_err(|_| Fault::bare(format!("expected a number for {key}, found \"{value}\"")))
}

fn unknown(key: &str, known: &str) -> Fault {
    Fault::new(format!("there is no key \"{key}\" here"), format!("write one of {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crons() {
        let cron = |text| Cron::read(&Value::new(text), true).map_err(|fault| fault.problem);
        let keys = |text| Cron::read_keys(&Value::new(text)).map_err(|fault| fault.problem);
        insta::assert_debug_snapshot!((
            ["59 2 -1 -1 -1\trun --all", "-5 9-17 1 12 7 run", "60 -1 -1 -1 -1 run", "1 2 3 run", "-1 -1 -1 -1 -1 "]
                .map(cron),
            ["minute=-2,week=1-5,unique=1,harakiri=30 run it", "run it all", "second=1 run"].map(keys),
        ));
    }

    #[test]
    fn daemons() {
        let smart = |text| Daemon::read_smart(&Value::new(text), true).map_err(|fault| fault.problem);
        let keys = |text| Daemon::read_keys(&Value::new(text)).map_err(|fault| fault.problem);
        insta::assert_debug_snapshot!((
            [
                "/tmp/a.pid memcached -p 1",
                "/tmp/a.pid,3 memcached -u a,b",
                "/tmp/a.pid,0 memcached",
                "/tmp/a.pid,x memcached",
                "memcached",
            ]
            .map(smart),
            [
                r"cmd=celery -Q a\,b worker,stopsignal=2,touch=a;b,chdir=/srv,uid=www-data,gid=33,stdin=1,max_throttle=5",
                "pidfile=/a",
                "cmd=a,speed=1",
            ]
            .map(keys),
        ));
    }

    #[test]
    fn times() {
        assert!(Times::Any.fits(7) && Times::At(7).fits(7) && !Times::At(7).fits(8));
        assert!(Times::Every(5).fits(0) && Times::Every(5).fits(55) && !Times::Every(5).fits(7));
        assert!(Times::Range(1, 5).fits(5) && !Times::Range(1, 5).fits(0));
    }
}

//! What can be asked over the control socket, and what an answer looks like.
//!
//! ```text
//! {"do":"drain","worker":2}
//! {"ok":true,"worker":2,"pid":4711}
//! {"do":"dance"}
//! {"ok":false,"error":"unknown variant `dance`, expected one of …"}
//! ```
//! A new verb is a variant of [`Request`] and an arm in `master/verbs.rs`. Fields are only ever added.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// The longest line that is read, bytes.
pub const LONGEST: usize = 64 * 1024;

/// One line from a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Request {
    /// Are you there?
    Ping,
    /// Who are you, and how is it going?
    Status,
    /// What is going on? The answer has uWSGI's stats document, and beyond it each request that runs.
    Look {
        /// Ask each thread that has been in a request for a while where it is in the application.
        #[serde(default)]
        lines: bool,
        /// Seconds for which workers go on writing down requests and times for the next look, even without the option `stats`.
        #[serde(default)]
        watch: u32,
    },
    /// Let a worker finish what it holds and leave; its successor takes its place.
    Drain {
        /// Its number, 1 first.
        worker: u32,
    },
    /// Write the stacks of all threads of a worker to the log.
    Traceback {
        /// Its number, 1 first.
        worker: u32,
    },
    /// Reload gracefully.
    Reload {
        /// Answer when the new generation serves, or has come to nothing; else at once.
        #[serde(default)]
        wait: bool,
        /// Replace one worker after the other, whatever `reload-mode` says.
        #[serde(default)]
        rolling: bool,
    },
    /// Go on with another program in the same process, and reload with it. The answer comes when the new generation serves,
    /// or has come to nothing.
    Upgrade {
        /// Where that program is.
        program: PathBuf,
    },
}

/// The way back to who asked. An answer may be given at once, or kept and given when something has come to its end; one that
/// is dropped tells the client that the instance has ended.
#[derive(Debug)]
pub struct Reply(oneshot::Sender<Value>);

impl Reply {
    /// A way back, and where the answer comes out. The answer is one line of JSON.
    #[must_use]
    pub fn new() -> (Self, oneshot::Receiver<Value>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Answers that it is done, with the fields of the object `facts`.
    pub fn done(self, facts: Value) {
        let mut answer = json!({ "ok": true });
        if let (Some(answer), Value::Object(facts)) = (answer.as_object_mut(), facts) {
            answer.extend(facts);
        }
        // A client that did not wait for it has left.
        let _ = self.0.send(answer);
    }

    /// Answers that it was tried in vain: why, and with further facts.
    pub fn failed(self, why: &str, facts: Value) {
        let mut answer = refusal(why);
        if let (Some(answer), Value::Object(facts)) = (answer.as_object_mut(), facts) {
            answer.extend(facts);
        }
        let _ = self.0.send(answer);
    }

    /// Answers that it cannot be done, and why.
    pub fn refuse(self, why: impl Into<String>) {
        let _ = self.0.send(refusal(why));
    }
}

/// The answer to what cannot be done.
pub fn refusal(why: impl Into<String>) -> Value {
    json!({ "ok": false, "error": why.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(give: impl FnOnce(Reply)) -> String {
        let (reply, mut answer) = Reply::new();
        give(reply);
        answer.try_recv().unwrap().to_string()
    }

    #[test]
    fn lines() {
        let read = |line: &str| serde_json::from_str::<Request>(line).map_err(|error| error.to_string());
        assert_eq!(read(r#"{"do":"ping","later":1}"#), Ok(Request::Ping));
        assert_eq!(read(r#"{"do":"drain","worker":2}"#), Ok(Request::Drain { worker: 2 }));
        insta::assert_snapshot!(read(r#"{"do":"drain"}"#).unwrap_err(), @"missing field `worker`");
        assert!(read(r#"{"do":"dance"}"#).unwrap_err().starts_with("unknown variant `dance`, expected one of `ping`"));
        let written = serde_json::to_string(&Request::Traceback { worker: 1 }).unwrap();
        assert_eq!(written, r#"{"do":"traceback","worker":1}"#);
    }

    #[test]
    fn answers() {
        insta::assert_snapshot!(answered(|reply| reply.done(json!({ "pid": 7 }))), @r#"{"ok":true,"pid":7}"#);
        insta::assert_snapshot!(answered(|reply| reply.done(Value::Null)), @r#"{"ok":true}"#);
        insta::assert_snapshot!(answered(|reply| reply.refuse("no")), @r#"{"error":"no","ok":false}"#);
    }
}

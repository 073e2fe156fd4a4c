//! Options about what an application is confined to.

use crate::SandboxProfile;
use crate::option::{Act, Group, OPT, Opt};
use crate::value::Fault;

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "sandbox",
        group: Group::Process,
        unit: "web or off",
        default: "off",
        field: "/sandbox/profile",
        example: "sandbox = web",
        own: true,
        doc: "Confines the application to what one on the web needs, before it is loaded.\n\nIt reads its code (`sys.path`, the interpreter, the \
              folders of what options name), the system's libraries and `/etc`; it writes what `sandbox-write` lists, runs what \
              `sandbox-exec` lists, and cannot trace other processes, mount, change namespaces, load code into the kernel or \
              open raw sockets. Connections to databases and the like are not touched, nor is what is open already. Workers, \
              mules and spoolers are confined; `hook-post-fork` and later ones run inside. Landlock needs Linux 5.13; what the kernel lacks is said.",
        act: Act::Set(|d, v| {
            d.config.sandbox.profile = match v.text().trim() {
                "web" => SandboxProfile::Web,
                "off" => SandboxProfile::Off,
                other => return Err(Fault::new(format!("unknown sandbox \"{other}\""), "write web or off")),
            };
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "sandbox-read",
        group: Group::Process,
        unit: "file or directory",
        default: "none",
        field: "/sandbox/read",
        example: "sandbox-read = /srv/shop/templates",
        own: true,
        doc: "Lets an application in a `sandbox` read this file, or what is beneath this directory.",
        act: Act::Set(|d, v| {
            d.config.sandbox.read.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "sandbox-write",
        group: Group::Process,
        unit: "file or directory",
        default: "/dev/shm and the folder for temporary files",
        field: "/sandbox/write",
        example: "sandbox-write = /srv/shop/media",
        own: true,
        doc: "Lets an application in a `sandbox` write this file, or make, change and remove what is beneath this directory.\n\nThe defaults are \
              for those who list nothing: `sandbox-write = /tmp` keeps one of them.",
        act: Act::Set(|d, v| {
            d.config.sandbox.write.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "sandbox-exec",
        group: Group::Process,
        unit: "program or directory",
        default: "none",
        field: "/sandbox/exec",
        example: "sandbox-exec = /usr/bin/pdftotext",
        own: true,
        doc: "Lets an application in a `sandbox` run this program, or those beneath this directory. They are confined as it is.",
        act: Act::Set(|d, v| {
            d.config.sandbox.exec.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
];

//! Options of the application and its Python: most go to the language plugin.

use crate::option::{Act, AppValue, Arg, Group, OPT, Opt, Tier};
use crate::source::Directive;

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "wsgi-file",
        aliases: &["file"],
        tier: Tier::Quickstart,
        group: Group::Python,
        unit: "file",
        example: "wsgi-file = myproject/wsgi.py",
        doc: "Loads a Python file as the WSGI application; its callable is `application` unless `callable` says otherwise.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "module",
        aliases: &["wsgi"],
        short: Some('w'),
        tier: Tier::Quickstart,
        group: Group::Python,
        unit: "MODULE[:NAME]",
        example: "module = myproject.wsgi:application",
        doc: "Imports a module as the WSGI application: `package.module`, `package.module:name` or `package.module:name()`.\n\nThe last form calls `name` once; its result is the application.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "callable",
        tier: Tier::Quickstart,
        group: Group::Python,
        unit: "name",
        default: "application",
        example: "callable = app",
        doc: "Names the callable in the module or file.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "home",
        aliases: &["virtualenv", "venv", "pyhome"],
        short: Some('H'),
        tier: Tier::Quickstart,
        group: Group::Python,
        unit: "directory",
        example: "home = /srv/venvs/shop",
        doc: "Uses the Python environment in this directory.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "pythonpath",
        aliases: &["python-path", "pp"],
        tier: Tier::Quickstart,
        group: Group::Python,
        unit: "directory",
        example: "pythonpath = ..",
        doc: "Puts a directory in front of `sys.path`; patterns are expanded. The last one given comes first.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "mount",
        group: Group::Python,
        unit: "PREFIX=APP",
        example: "mount = /store=shop.wsgi:application",
        doc: "Loads an application for all paths below a prefix: `/prefix=file.py` or `/prefix=module:name`.",
        act: Act::App(AppValue::Pair),
        ..OPT
    },
    Opt {
        name: "manage-script-name",
        arg: Arg::None,
        group: Group::Python,
        example: "manage-script-name = true",
        doc: "Moves the prefix of the mounted application from `PATH_INFO` to `SCRIPT_NAME`.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "no-default-app",
        arg: Arg::None,
        group: Group::Python,
        example: "no-default-app = true",
        doc: "Answers 500 to paths of no mounted application, instead of asking the first one.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "single-interpreter",
        short: Some('i'),
        arg: Arg::None,
        group: Group::Python,
        example: "single-interpreter = true",
        differs: "always on",
        doc: "Runs all applications in one interpreter.\n\nThat is so here in any case.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "import",
        aliases: &["pyimport", "py-import", "python-import"],
        group: Group::Python,
        unit: "module",
        example: "import = shop.signals",
        doc: "Imports a module or file before the application, in every process that loads it.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "shared-import",
        aliases: &["shared-pyimport", "shared-py-import", "shared-python-import"],
        group: Group::Python,
        unit: "module",
        example: "shared-import = shop.cache",
        doc: "Imports a module or file once, before the workers are born, even with `lazy-apps`.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "spooler-import",
        aliases: &["spooler-pyimport", "spooler-py-import", "spooler-python-import"],
        group: Group::Python,
        unit: "module",
        example: "spooler-import = shop.tasks",
        doc: "Imports a module or file in each spooler.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "pymodule-alias",
        group: Group::Python,
        unit: "NAME=MODULE",
        example: "pymodule-alias = settings=shop.settings_live",
        doc: "Makes a module known under another name: `name=module` or `name=file.py`.",
        act: Act::App(AppValue::Pair),
        ..OPT
    },
    Opt {
        name: "post-pymodule-alias",
        tier: Tier::Rare,
        group: Group::Python,
        unit: "NAME=MODULE",
        example: "post-pymodule-alias = settings=shop.settings_live",
        built: false,
        doc: "Makes a module known under another name after the application was loaded.",
        act: Act::App(AppValue::Pair),
        ..OPT
    },
    Opt {
        name: "pyargv",
        tier: Tier::Rare,
        group: Group::Python,
        unit: "words",
        example: "pyargv = --fast --site shop",
        doc: "Sets `sys.argv` behind the program's name; blanks separate.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "py-executable",
        aliases: &["py-sys-executable"],
        group: Group::Python,
        unit: "file",
        example: "py-executable = /srv/venvs/shop/bin/python",
        doc: "Sets `sys.executable`.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "py-programname",
        aliases: &["py-program-name"],
        group: Group::Python,
        unit: "file",
        example: "py-programname = python3",
        doc: "Sets the name that Python is started by.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "optimize",
        short: Some('O'),
        group: Group::Python,
        unit: "number",
        example: "optimize = 1",
        doc: "Sets the level of Python's `-O`.",
        act: Act::App(AppValue::Count),
        ..OPT
    },
    Opt {
        name: "no-site",
        arg: Arg::None,
        group: Group::Python,
        example: "no-site = true",
        doc: "Starts Python without the `site` module.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "py-call-osafterfork",
        arg: Arg::None,
        group: Group::Python,
        example: "py-call-osafterfork = true",
        differs: "always on",
        doc: "Runs Python's own hooks in new workers (`os.register_at_fork`).\n\nHere they always run; the option is accepted.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "py-call-uwsgi-fork-hooks",
        arg: Arg::None,
        group: Group::Python,
        example: "py-call-uwsgi-fork-hooks = true",
        differs: "always on",
        doc: "Runs Python's hooks around every fork.\n\nHere they always run; the option is accepted.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "wsgi-strict",
        arg: Arg::None,
        group: Group::Python,
        example: "wsgi-strict = true",
        differs: "always on",
        doc: "Checks answers of the application against PEP 3333 more closely.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "wsgi-env-behaviour",
        aliases: &["wsgi-env-behavior"],
        group: Group::Python,
        unit: "word",
        example: "wsgi-env-behaviour = holy",
        differs: "accepted; every request gets a fresh environ",
        doc: "Chooses whether each request gets a fresh `environ` (`holy`) or a reused one (`cheat`).",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "start_response-nodelay",
        arg: Arg::None,
        group: Group::Python,
        example: "start_response-nodelay = true",
        doc: "Sends the head of an answer as soon as `start_response` is called.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "wsgi-accept-buffer",
        aliases: &["wsgi-accept-buffers"],
        arg: Arg::None,
        group: Group::Python,
        example: "wsgi-accept-buffer = true",
        doc: "Accepts objects with the buffer protocol in answers.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "wsgi-disable-file-wrapper",
        arg: Arg::None,
        group: Group::Python,
        example: "wsgi-disable-file-wrapper = true",
        doc: "Leaves `wsgi.file_wrapper` out of the environ.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "catch-exceptions",
        arg: Arg::None,
        group: Group::Python,
        example: "catch-exceptions = true",
        doc: "Answers an exception of the application with its traceback. For development only.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "reload-os-env",
        arg: Arg::None,
        group: Group::Python,
        example: "reload-os-env = true",
        built: false,
        doc: "Reads `os.environ` anew before each request.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "paste",
        group: Group::Python,
        unit: "URI",
        example: "paste = config:/srv/shop/production.ini",
        doc: "Loads a Paste Deploy application.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "ini-paste",
        group: Group::Python,
        unit: "file",
        example: "ini-paste = /srv/shop/production.ini",
        doc: "Loads a Paste Deploy application and the options in the `[uwsgi]` section of the same file.",
        act: Act::Read(Directive::IniPaste),
        ..OPT
    },
    Opt {
        name: "paste-logger",
        arg: Arg::None,
        group: Group::Python,
        example: "paste-logger = true",
        doc: "Sets up logging from the Paste configuration.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "pecan",
        group: Group::Python,
        unit: "file",
        example: "pecan = config.py",
        built: false,
        doc: "Loads a Pecan application.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "eval",
        group: Group::Python,
        unit: "source",
        example: "eval = application = lambda env, start: []",
        doc: "Runs Python source text and takes `application` from it.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "web3",
        group: Group::Python,
        unit: "module",
        example: "web3 = app",
        built: false,
        doc: "Loads a Web3 application.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "pump",
        group: Group::Python,
        unit: "module",
        example: "pump = app",
        built: false,
        doc: "Loads a Pump application.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "wsgi-lite",
        group: Group::Python,
        unit: "module",
        example: "wsgi-lite = app",
        built: false,
        doc: "Loads a WSGI Lite application.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "python-raw",
        group: Group::Python,
        unit: "module",
        example: "python-raw = handler",
        built: false,
        doc: "Loads a handler of raw connections.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "pyrun",
        aliases: &["python", "py"],
        group: Group::Python,
        unit: "file",
        example: "pyrun = script.py",
        built: false,
        doc: "Runs a Python script instead of serving.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "worker-mount",
        group: Group::Python,
        unit: "PREFIX=APP",
        example: "worker-mount = /store=shop.wsgi",
        built: false,
        doc: "Loads a mounted application in each worker.",
        act: Act::App(AppValue::Pair),
        ..OPT
    },
    Opt {
        name: "py-autoreload",
        aliases: &["py-auto-reload", "python-auto-reload", "python-autoreload"],
        group: Group::Python,
        unit: "seconds",
        example: "py-autoreload = 1",
        implies_master: true,
        doc: "Looks for changed modules every so many seconds and reloads. For development only.\n\nModules that are imported are looked at, and sources beside those of the application. When the changed application cannot be imported, the old one serves on and the next change is seen.",
        act: Act::App(AppValue::Count),
        ..OPT
    },
    Opt {
        name: "py-auto-reload-ignore",
        group: Group::Python,
        unit: "module",
        example: "py-auto-reload-ignore = shop.generated",
        implies_master: true,
        doc: "Leaves a module out of `py-autoreload`.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "py-tracebacker",
        group: Group::Python,
        unit: "path",
        example: "py-tracebacker = /tmp/tb",
        built: false,
        implies_master: true,
        doc: "Serves the tracebacks of all threads on a unix socket.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "gevent",
        group: Group::Python,
        unit: "number",
        example: "gevent = 100",
        built: false,
        doc: "Serves with gevent, so many greenlets in each worker.",
        act: Act::App(AppValue::Count),
        ..OPT
    },
    Opt {
        name: "gevent-monkey-patch",
        arg: Arg::None,
        group: Group::Python,
        example: "gevent-monkey-patch = true",
        built: false,
        doc: "Patches the standard library for gevent.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "gevent-early-monkey-patch",
        arg: Arg::None,
        group: Group::Python,
        example: "gevent-early-monkey-patch = true",
        built: false,
        doc: "Patches the standard library for gevent before the application is loaded.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "gevent-wait-for-hub",
        arg: Arg::None,
        group: Group::Python,
        example: "gevent-wait-for-hub = true",
        built: false,
        doc: "Waits for the end of gevent's hub.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "asyncio",
        group: Group::Python,
        unit: "number",
        example: "asyncio = 100",
        built: false,
        doc: "Serves in an asyncio loop, so many requests at once.",
        act: Act::App(AppValue::Count),
        ..OPT
    },
    Opt {
        name: "need-app",
        arg: Arg::Optional,
        group: Group::Python,
        unit: "switch",
        default: "on",
        field: "/process/need_app",
        example: "need-app = false",
        differs: "on unless turned off",
        doc: "Ends the start (exit code 22) when no application can be loaded.\n\nOn unless turned off; uWSGI goes on without an application.",
        act: Act::Set(|d, v| {
            d.config.process.need_app = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "plugins",
        aliases: &["plugin"],
        tier: Tier::Quickstart,
        group: Group::Python,
        unit: "names",
        default: "none",
        field: "/plugins/names",
        example: "plugins = python312",
        doc: "Loads language plugins: names or paths, separated by commas.\n\nWhat is part of the program is not loaded again.",
        act: Act::Set(|d, v| {
            d.config.plugins.names.extend(v.list()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "need-plugin",
        aliases: &["need-plugins"],
        group: Group::Python,
        unit: "names",
        default: "none",
        field: "/plugins/needed",
        example: "need-plugin = python312",
        doc: "Loads plugins without which the start must not go on.",
        act: Act::Set(|d, v| {
            d.config.plugins.needed.extend(v.list()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "plugins-dir",
        aliases: &["plugin-dir"],
        tier: Tier::Quickstart,
        group: Group::Python,
        unit: "directory",
        default: "none",
        field: "/plugins/dirs",
        example: "plugins-dir = /usr/lib/rsgi",
        doc: "Looks for plugins in this directory first.",
        act: Act::Set(|d, v| {
            d.config.plugins.dirs.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "build-plugin",
        tier: Tier::Quickstart,
        group: Group::Python,
        unit: "SOURCE [NAME]",
        default: "none",
        field: "/plugins/build",
        example: "build-plugin = python python3.12",
        doc: "Builds the plugin of an interpreter into the current directory, and ends.\n\nThe first word is a source tree of rsgi, or `python` for the one at hand (`RSGI_SOURCE`, or where this program was built); the second an interpreter such as `python3.12` or the plugin's name such as `python312`. The variable `PYTHON` names the interpreter behind a name. Needs cargo.",
        act: Act::Set(|d, v| {
            d.config.plugins.build = Some(v.word()?);
            Ok(())
        }),
        ..OPT
    },
];

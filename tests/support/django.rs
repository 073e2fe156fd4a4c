//! A Django project with its database, ready to be served.

use std::path::Path;
use std::process::Command;

use super::Server;

/// Adds the project of the lab, migrated, with the user `admin` and the password `secret`.
#[track_caller]
pub(crate) fn project(server: Server, venv: &Path) -> Server {
    let server = server.copy("django/myproject").env("DJANGO_DATABASE", "{dir}/db.sqlite3");
    migrate(server.dir(), venv);
    server
}

#[track_caller]
fn migrate(dir: &Path, venv: &Path) {
    for arguments in [["migrate", "--verbosity=0"].as_slice(), &["createsuperuser", "--noinput"]] {
        let output = Command::new(venv.join("bin/python"))
            .arg("manage.py")
            .args(arguments)
            .current_dir(dir.join("myproject"))
            .env("DJANGO_DATABASE", dir.join("db.sqlite3"))
            .env("DJANGO_SUPERUSER_USERNAME", "admin")
            .env("DJANGO_SUPERUSER_PASSWORD", "secret")
            .env("DJANGO_SUPERUSER_EMAIL", "admin@example.org")
            .output()
            .expect("manage.py");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

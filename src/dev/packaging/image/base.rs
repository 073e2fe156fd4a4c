//! Base images made from Debian's archive. They stand in for `debian:bookworm-slim`, `debian:trixie-slim` and
//! `python:3.12-slim-bookworm` where no registry is at hand, and trust whom this machine trusts, so that apt and pip work in a build
//! behind a proxy that signs anew.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::packaging::docker::{build, has_image, told};
use crate::pythons::Python;
use crate::{command, setup};

/// Certificates that this machine trusts.
const TRUSTED: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What `debian:*-slim` leaves out.
const LEFT_OUT: [&str; 4] = [
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
];

/// A slim Debian; returns its tag, which tells by a hash what it was made from.
pub(super) fn debian(suite: &str) -> Result<String> {
    let certificates = fs::read(TRUSTED).with_context(|| format!("{TRUSTED}: apt-get install ca-certificates"))?;
    let tag = tag(suite, &(LEFT_OUT, certificates));
    if has_image(&tag) {
        return Ok(tag);
    }
    let tar = place()?.join(format!("{suite}.tar"));
    let mut make = Command::new("mmdebstrap");
    make.args(["--variant=minbase", "--include=ca-certificates", "--quiet"])
        .args(LEFT_OUT)
        .arg("--aptopt=Acquire::Languages \"none\"")
        .arg(format!("--customize-hook=upload {TRUSTED} {TRUSTED}"))
        .arg("--customize-hook=rm -rf \"$1\"/var/lib/apt/lists/*")
        .arg(suite)
        .arg(&tar);
    command::run(&mut make)?;
    let trust = format!("ENV SSL_CERT_FILE={TRUSTED} PIP_CERT={TRUSTED}");
    let imported = told(&["import", "--change", &trust, "--change", "CMD [\"bash\"]", &tar.to_string_lossy(), &tag]);
    fs::remove_file(&tar)?;
    imported?;
    Ok(tag)
}

/// The same with an interpreter of this machine below /usr/local, as the images of Python have theirs.
pub(super) fn with_python(suite: &str, python: &Python) -> Result<String> {
    let debian = debian(suite)?;
    let tag = tag(&format!("python{}", python.release()), &(&debian, &python.exe, INSTALL));
    if has_image(&tag) {
        return Ok(tag);
    }
    let prefix = python.exe.ancestors().nth(2).context("an interpreter in bin/")?;
    let context = place()?.join("python");
    let _ = fs::remove_dir_all(&context);
    copy(prefix, &context.join("usr"), &python.release())?;
    let file = context.join("Containerfile");
    fs::write(&file, INSTALL)?;
    let made = build(&context, &file, &tag, &["--build-arg", &format!("BASE={debian}")]);
    fs::remove_dir_all(&context)?;
    made.map(|()| tag)
}

/// Libraries that its extension modules are linked to, as the images of Python have them.
const INSTALL: &str = "\
ARG BASE
FROM ${BASE}
RUN apt-get update && apt-get install --yes --no-install-recommends \\
    libbz2-1.0 libexpat1 libffi8 liblzma5 libncursesw6 libreadline8 libsqlite3-0 libssl3 libuuid1 zlib1g && rm -rf /var/lib/apt/lists/*
COPY usr/ /usr/local/
RUN ldconfig
";

/// Copies an interpreter, its shared library and its standard library as the images of Python have them: stripped, without packages, tests
/// and compiled modules.
fn copy(prefix: &Path, to: &Path, release: &str) -> Result<()> {
    let name = format!("python{release}");
    let (program, library) = (format!("bin/{name}"), format!("lib/libpython{release}.so.1.0"));
    let tar = to.with_extension("tar");
    fs::create_dir_all(to)?;
    let mut pack = Command::new("tar");
    pack.arg("--create").arg("--file").arg(&tar).arg("--directory").arg(prefix);
    pack.args(["--exclude=site-packages/*", "--exclude=test", "--exclude=config-*", "--exclude=__pycache__"]);
    command::output(pack.args([&program, &library, &format!("lib/{name}")]))?;
    command::output(Command::new("tar").arg("--extract").arg("--file").arg(&tar).arg("--directory").arg(to))?;
    fs::remove_file(tar)?;
    let mut strip = Command::new("strip");
    strip.args([to.join(program), to.join(library)]);
    for module in fs::read_dir(to.join("lib").join(name).join("lib-dynload"))? {
        strip.arg(module?.path());
    }
    command::output(&mut strip).map(drop)
}

fn place() -> Result<std::path::PathBuf> {
    let place = setup::place().join("packaging");
    fs::create_dir_all(&place)?;
    Ok(place)
}

fn tag(name: &str, inputs: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    inputs.hash(&mut hasher);
    format!("rsgi-base:{name}-{:016x}", hasher.finish())
}

# What all builds of this repository have in common.
{ lib }:
let
  root = ../.;
  dev = ../src/dev;
  manifest = lib.importTOML ../Cargo.toml;
in
{
  inherit (manifest.workspace.package) version;

  # What is compiled, and what is installed beside it. Tests, documents and the tool `cargo dev` change without a new build; of the
  # crates among them cargo wants to see that they are there.
  src = lib.fileset.toSource {
    inherit root;
    fileset = lib.fileset.unions [
      ../Cargo.toml
      ../Cargo.lock
      ../docs/generated
      (lib.fileset.difference ../src dev)
      (dev + "/Cargo.toml")
      (dev + "/main.rs")
      ../tests/fuzz/Cargo.toml
      ../tests/fuzz/src/lib.rs
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;

  # Tests are a check of their own.
  doCheck = false;
  strictDeps = true;

  # The same bits from the same source: no time of day, no place of the build.
  env = {
    CARGO_INCREMENTAL = "0";
    SOURCE_DATE_EPOCH = "1";
  };
  preBuild = ''
    export RUSTFLAGS="''${RUSTFLAGS-} --remap-path-prefix=$NIX_BUILD_TOP=/build"
  '';

  meta = {
    inherit (manifest.package) description;
    license = [
      lib.licenses.mit
      lib.licenses.asl20
    ];
    platforms = lib.platforms.linux;
    mainProgram = "rsgi";
  };
}

# `nix flake check`: everything is built and looked at, and served in virtual machines.
{
  pkgs,
  rsgi,
  packages,
  module,
}:
let
  inherit (pkgs) lib;
  common = import ./common.nix { inherit lib; };

  # Unit tests compare generated documents, and lints look at tests too.
  whole = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../.config
      ../Cargo.lock
      ../Cargo.toml
      ../README.md
      ../clippy.toml
      ../deny.toml
      ../docs
      ../lab
      ../nixos-module
      ../rustfmt.toml
      ../src
      ../tests
    ];
  };
  cargo =
    name: tools: script:
    pkgs.rustPlatform.buildRustPackage (
      common
      // {
        pname = "rsgi-${name}";
        src = whole;
        nativeBuildInputs = [ pkgs.python3 ] ++ tools;
        buildInputs = [ pkgs.python3 ];
        env = common.env // {
          PYO3_PYTHON = pkgs.python3.interpreter;
          RUSTDOCFLAGS = "--deny warnings";
        };
        buildPhase = script;
        installPhase = "touch $out";
      }
    );

  units = pkgs.callPackage ./units.nix { inherit rsgi; };
  machines = import ../tests/nixos { inherit pkgs module; };
in
packages
// {
  fmt = cargo "fmt" [ pkgs.rustfmt ] "cargo fmt --all --check";
  clippy = cargo "clippy" [
    pkgs.clippy
  ] "cargo clippy --offline --workspace --all-targets -- --deny warnings";
  doc = cargo "doc" [ ] "cargo doc --offline --workspace --no-deps";
  nextest = cargo "nextest" [
    pkgs.cargo-nextest
  ] "cargo nextest run --offline --workspace --lib --bins";
  deny = cargo "deny" [ pkgs.cargo-deny ] "cargo deny --offline check bans licenses sources";

  nix-format = pkgs.runCommand "rsgi-nix-format" { nativeBuildInputs = [ pkgs.nixfmt ]; } ''
    find ${whole} -name '*.nix' -exec nixfmt --check {} +
    touch $out
  '';
  inherit (units) module-evaluation unit-verification;
}
// lib.mapAttrs' (name: lib.nameValuePair "vm-${name}") machines

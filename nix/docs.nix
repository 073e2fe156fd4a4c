# The documents, as they are in the repository: share/doc/rsgi and the manual page.
{ lib, runCommand }:
let
  common = import ./common.nix { inherit lib; };
  docs = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../README.md
      ../CHANGELOG.md
      ../docs
    ];
  };
in
runCommand "rsgi-docs-${common.version}" { } ''
  mkdir -p $out/share/doc
  cp -r ${docs} $out/share/doc/rsgi
  install -Dm644 ${docs}/docs/generated/rsgi.1 -t $out/share/man/man1
''

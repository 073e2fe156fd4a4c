# The module rendered and refused, by this package set's lib; and what it renders, looked at by systemd.
{
  lib,
  runCommand,
  systemd,
  rsgi,
}:
let
  tests = import ../tests/nixos-module { inherit lib; };
  snapshots = ../tests/nixos-module/snapshots;

  # The first line of a snapshot says from what it was rendered.
  kept = path: lib.concatStringsSep "\n" (lib.tail (lib.splitString "\n" (builtins.readFile path)));
  files =
    kind: configuration: texts:
    lib.mapAttrsToList (name: text: {
      path = "${configuration}/${kind}/${name}";
      inherit text;
    }) texts;
  rendered = lib.concatLists (
    lib.mapAttrsToList (
      configuration: one: files "units" configuration one.units ++ files "etc" configuration one.etc
    ) tests.configurations
  );
  stale = lib.filter (file: kept (snapshots + "/${file.path}") != file.text) rendered;
  accepted = lib.filterAttrs (_: case: (builtins.tryEval case.outcome).success) tests.rejected;
in
{
  module-evaluation =
    if stale != [ ] then
      throw "not as the module renders them: ${lib.concatMapStringsSep ", " (file: file.path) stale}"
    else if accepted != { } then
      throw "accepted, and should not be: ${toString (lib.attrNames accepted)}"
    else
      runCommand "rsgi-module-evaluation" { } "touch $out";

  unit-verification = runCommand "rsgi-unit-verification" { nativeBuildInputs = [ systemd ]; } ''
    for folder in ${snapshots}/*/units; do
      mkdir units
      for unit in $folder/*; do
        sed 's,/opt/rsgi/bin/rsgi,${lib.getExe rsgi},' $unit > units/''${unit##*/}
      done
      systemd-analyze verify --man=no --recursive-errors=no units/* 2>&1 | tee said
      test ! -s said
      for service in units/*.service; do
        systemd-analyze security --offline=true --threshold=15 --no-pager $service
      done
      rm -r units
    done
    touch $out
  '';
}

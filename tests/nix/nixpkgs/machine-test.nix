# A test in virtual machines that cannot run here: every machine is evaluated, and the script is read by Python.
{
  lib,
  pkgs,
  run,
}:
test:
let
  machine =
    node:
    (import ./tests/nixos-module {
      inherit lib pkgs;
      module = test.defaults;
    }).result
      node;
  machines = lib.mapAttrs (_: machine) test.nodes;
  # What the machines would run is named in these texts, and not built.
  text = builtins.unsafeDiscardStringContext;
  units = text (builtins.toJSON (lib.mapAttrs (_: one: one.units // one.etc) machines));
in
run "vm-test-${test.name}"
  {
    script = text test.testScript;
    inherit units;
    passAsFile = [
      "script"
      "units"
    ];
  }
  ''
    /usr/bin/python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' $scriptPath
    cp $unitsPath $out
  ''

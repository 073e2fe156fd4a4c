# The configuration file of an instance or a vassal.
{ lib, pkgs }:
let
  list = lib.importJSON ./options.json;
  canonical = name: list.options.${name}.means or name;
  sockets = import ./sockets.nix { inherit lib; };

  # Every value that these take; more than one where a list is given.
  text =
    value:
    if lib.isBool value then
      lib.boolToString value
    else if lib.isPath value then
      "${value}"
    else
      toString value;
  line = name: value: "${name} = ${text value}\n";
  lines =
    settings:
    lib.concatStrings (
      lib.concatLists (lib.mapAttrsToList (name: value: map (line name) (lib.toList value)) settings)
    );
in
name: one:
let
  written = lib.filterAttrs (_: value: value != null) one.settings;
  meant = map canonical (lib.attrNames written);
  own = (sockets one.settings).any;
  activated = one.socketActivation.enable or false;

  python = lib.optionalAttrs (one.python != null) {
    plugins-dir = "${one.plugin}/lib/rsgi";
    plugins = "python${lib.replaceStrings [ "." ] [ "" ] one.python.pythonVersion}";
    home = "${one.python.withPackages one.pythonPackages}";
  };
  listening = lib.optionalAttrs (one.configFile == null && one.socket != null && !activated && !own) {
    inherit (one) socket;
    chmod-socket = "660";
  };
  ours = python // listening // lib.optionalAttrs (one.configFile == null) { strict = true; };
  # What is written by hand wins.
  base = lib.filterAttrs (name: _: !lib.elem name meant) ours;
in
pkgs.writeText "rsgi-${name}.ini" (
  "[uwsgi]\n"
  + lines base
  + (if one.configFile == null then lines written + one.extraConfig else "ini = ${one.configFile}\n")
)

# The module, evaluated without NixOS. `lib` is nixpkgs'.
{
  lib,
  module ? ../../nixos-module,
  pkgs ? import ./pkgs.nix { inherit lib; },
}:
let
  render = import ./units.nix { inherit lib; };
  nix = folder: lib.filterAttrs (name: _: lib.hasSuffix ".nix" name) (builtins.readDir folder);
  # NAME.nix of a folder by its name, imported.
  imported =
    folder:
    lib.mapAttrs' (
      name: _: lib.nameValuePair (lib.removeSuffix ".nix" name) (import (folder + "/${name}"))
    ) (nix folder);

  evaluate =
    configuration:
    lib.evalModules {
      specialArgs = { inherit pkgs; };
      modules = [
        (import ./stubs.nix { inherit lib; })
        module
        configuration
      ];
    };

  result =
    configuration:
    let
      inherit (evaluate configuration) config;
      failed = map (one: one.message) (lib.filter (one: !one.assertion) config.assertions);
      # Evaluation is lazy: what is not looked at is not checked.
      whole = builtins.deepSeq (removeAttrs config [ "_module" ]) config;
    in
    if failed != [ ] then
      throw (lib.concatStringsSep "\n" failed)
    else
      {
        units = render whole;
        etc = lib.mapAttrs (_: file: file.source.text) whole.environment.etc;
        inherit (whole) warnings;
        users = lib.attrNames whole.users.users;
        firewall = whole.networking.firewall.allowedTCPPorts;
        nginx = whole.services.nginx;
      };
in
{
  inherit evaluate result;

  # What becomes of each configuration.
  configurations = lib.mapAttrs (_: result) (imported ./configurations);

  # The module's options, for their page: those with a description, sorted.
  options =
    let
      whole = lib.optionAttrSetToDocList (evaluate { }).options;
      ours = lib.filter (
        one: lib.hasPrefix "services.rsgi" one.name && one.visible && !one.internal
      ) whole;
      text = value: if value == null then null else value.text or (lib.generators.toPretty { } value);
    in
    map (one: {
      inherit (one) name type description;
      default = text (one.default or null);
      example = text (one.example or null);
    }) ours;

  # Evaluates one that has to be refused; each says with which words.
  rejected = lib.mapAttrs (_: case: {
    inherit (case) says;
    outcome = builtins.deepSeq (result case.configuration) "accepted";
  }) (imported ./rejected);
}

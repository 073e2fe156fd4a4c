# Whole machines: each file here is one test, on the real NixOS.
{ pkgs, module }:
let
  inherit (pkgs) lib;
  names = lib.filter (name: lib.hasSuffix ".nix" name && name != "default.nix") (
    lib.attrNames (builtins.readDir ./.)
  );
  test =
    file:
    pkgs.testers.runNixOSTest (
      import (./. + "/${file}") { inherit pkgs; }
      // {
        name = "rsgi-${lib.removeSuffix ".nix" file}";
        defaults = {
          imports = [ module ];
          services.rsgi.enable = true;
        };
      }
    );
in
lib.listToAttrs (map (file: lib.nameValuePair (lib.removeSuffix ".nix" file) (test file)) names)

# The packages of the flake for one system.
{ pkgs, rsgi }:
let
  inherit (pkgs) lib;
  image = python: pkgs.callPackage ./oci.nix { inherit rsgi python; };
  # The newest images are for the Pythons that web frameworks support today.
  imaged = lib.filterAttrs (
    name: _: lib.versionAtLeast (lib.removePrefix "python" name) "311"
  ) rsgi.pythons;
in
{
  inherit rsgi;
  default = rsgi.withPlugins (_: [ (rsgi.pluginFor pkgs.python3) ]);
  rsgi-full = rsgi.withPlugins lib.attrValues;
  oci = image pkgs.python3;
  docs = pkgs.callPackage ./docs.nix { };
}
// lib.mapAttrs' (name: lib.nameValuePair "plugin-${name}") rsgi.plugins
// lib.mapAttrs' (name: python: lib.nameValuePair "oci-${name}" (image python)) imaged

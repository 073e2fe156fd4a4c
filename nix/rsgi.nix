# The language-free server, with the ways to give it a Python.
{
  lib,
  callPackage,
  rustPlatform,
  pkgs,
}:
let
  common = import ./common.nix { inherit lib; };
  pythons = import ./pythons.nix { inherit lib pkgs; };

  pluginFor = python: callPackage ./plugin.nix { inherit python; };
  plugins = lib.mapAttrs (_: pluginFor) pythons;
  withPlugins = callPackage ./with-plugins.nix { inherit rsgi plugins; };

  rsgi = rustPlatform.buildRustPackage (
    common
    // {
      pname = "rsgi";
      buildNoDefaultFeatures = true;
      cargoBuildFlags = [
        "--package"
        "rsgi"
        "--bin"
        "rsgi"
      ];
      postInstall = ''
        install -Dm644 docs/generated/rsgi.1 -t $out/share/man/man1
        install -Dm644 docs/generated/_rsgi -t $out/share/zsh/site-functions
        install -Dm644 docs/generated/rsgi.fish -t $out/share/fish/vendor_completions.d
        install -Dm644 docs/generated/rsgi.bash $out/share/bash-completion/completions/rsgi
      '';
      passthru = {
        # A plugin for any CPython 3.9 or later; those of the package set by name; and rsgi with a choice of them:
        # rsgi.withPlugins (plugins: [ plugins.python312 ]).
        inherit
          pluginFor
          plugins
          pythons
          withPlugins
          ;
      };
    }
  );
in
rsgi

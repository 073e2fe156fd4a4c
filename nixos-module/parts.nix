# The options of an instance, in three parts: what is run, in which unit, and where it listens.
{
  config,
  lib,
  pkgs,
}:
let
  cfg = config.services.rsgi;
  nginxGroup = config.services.nginx.group;
in
{
  # A vassal is this alone. `kind` is where it stands below services.rsgi.
  app = kind: [
    (import ./options/app.nix { inherit cfg kind pkgs; })
    ./options/nginx.nix
  ];
  unit = [
    ./options/rights.nix
    (import ./options/unit.nix { inherit nginxGroup; })
  ];
  listening = [ (import ./options/listening.nix { inherit nginxGroup; }) ];
}

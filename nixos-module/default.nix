# services.rsgi: one hardened systemd unit for each instance, and an emperor for vassals.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.rsgi;
  inherit (lib) mkOption types;

  parts = import ./parts.nix {
    inherit
      config
      lib
      pkgs
      ;
  };
  inherit (parts) app unit listening;

  enabled = lib.filterAttrs (_: one: one.enable);
  instances = enabled cfg.instances;
  vassals = enabled cfg.vassals;
  # Everything that becomes a unit, by the name behind `rsgi-`.
  units = instances // lib.optionalAttrs (vassals != { }) { inherit (cfg) emperor; };

  ini = import ./ini.nix { inherit lib pkgs; };
  systemd = import ./systemd.nix { inherit lib cfg; };
  files =
    lib.mapAttrs' (name: one: lib.nameValuePair "rsgi/${name}.ini" (ini name one)) units
    // lib.mapAttrs' (name: one: lib.nameValuePair "rsgi/vassals/${name}.ini" (ini name one)) vassals;

  hosts = lib.filter (one: one.nginx.virtualHost != null) (lib.attrValues (instances // vassals));
  users = lib.filter (one: one.user != null) (lib.attrValues units);
in
{
  options.services.rsgi = {
    enable = lib.mkEnableOption "the rsgi application server";

    package = mkOption {
      type = types.package;
      default = pkgs.rsgi;
      defaultText = lib.literalExpression "pkgs.rsgi";
      example = lib.literalExpression "inputs.rsgi.packages.\${system}.rsgi";
      description = "The language-free rsgi. What runs Python is added to it for each instance, by its `python`.";
    };

    instances = mkOption {
      type = types.attrsOf (types.submodule (app "instances" ++ unit ++ listening));
      default = { };
      example = lib.literalExpression ''
        {
          shop = {
            python = pkgs.python312;
            pythonPackages = ps: [ ps.django ];
            settings = {
              chdir = "/srv/shop";
              module = "shop.wsgi";
              processes = 4;
            };
            socketActivation.enable = true;
            nginx.virtualHost = "shop.example.org";
          };
        }
      '';
      description = "Instances of rsgi: each is a unit `rsgi-NAME.service` of its own, which restarts, reloads and fails alone.";
    };

    vassals = mkOption {
      type = types.attrsOf (types.submodule (app "vassals"));
      default = { };
      example = lib.literalExpression ''{ blog.settings.module = "blog"; }'';
      description = ''
        Vassals of one emperor, `rsgi-emperor.service`: they share its user and its limits, and come, change and go without
        the others' noticing. An instance is safer; an emperor is right for many small applications of one owner.
      '';
    };

    emperor = mkOption {
      type = types.submodule (app "emperor" ++ unit ++ listening);
      default = { };
      example = lib.literalExpression ''{ settings.emperor-stats = "127.0.0.1:9292"; }'';
      description = "The unit that runs the vassals. Its own Python is of no use; it reads {file}`/etc/rsgi/vassals`.";
    };
  };

  config = lib.mkIf cfg.enable {
    services.rsgi.emperor = {
      python = null;
      socket = null;
      settings.emperor = lib.mkDefault "/etc/rsgi/vassals";
      group = lib.mkIf (lib.any (one: one.nginx.virtualHost != null) (lib.attrValues vassals)) (
        lib.mkDefault config.services.nginx.group
      );
    };

    assertions = import ./assertions.nix {
      inherit
        lib
        config
        cfg
        instances
        vassals
        units
        ;
    };
    warnings = lib.concatLists (
      map (one: one.faults.warnings) (lib.attrValues units ++ lib.attrValues vassals)
    );

    environment.systemPackages = [ cfg.package ];
    environment.etc = lib.mapAttrs (_: source: { inherit source; }) files;

    systemd.targets.rsgi = {
      description = "rsgi application servers";
      wantedBy = [ "multi-user.target" ];
    };
    systemd.slices.system-rsgi.description = "rsgi application servers";
    systemd.services = lib.mapAttrs' (
      name: one: lib.nameValuePair "rsgi-${name}" (systemd.service name one [ files."rsgi/${name}.ini" ])
    ) units;
    systemd.sockets = lib.mapAttrs' (
      name: one: lib.nameValuePair "rsgi-${name}" (systemd.socket name one)
    ) (lib.filterAttrs (_: one: one.socketActivation.enable) units);

    users.users = lib.mkMerge (
      map (one: {
        ${one.user} = {
          isSystemUser = true;
          group = if one.group != null then one.group else one.user;
        };
      }) users
    );
    users.groups = lib.mkMerge (
      map (one: lib.optionalAttrs (one.group == null) { ${one.user} = { }; }) users
    );

    networking.firewall.allowedTCPPorts = lib.concatMap (
      one: lib.optionals one.openFirewall one.ports
    ) (lib.attrValues units);

    services.nginx = lib.mkIf (hosts != [ ]) {
      enable = lib.mkDefault true;
      virtualHosts = lib.mkMerge (
        map (one: {
          ${one.nginx.virtualHost}.locations.${one.nginx.location} = {
            uwsgiPass = "unix:${toString one.address}";
            recommendedUwsgiSettings = lib.mkDefault true;
          };
        }) hosts
      );
    };
  };
}

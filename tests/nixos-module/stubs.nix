# What a NixOS module meets of NixOS, with the types it has there, and nothing but nixpkgs' lib behind it: enough to evaluate
# the module and to render its units.
{ lib }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };

  unitName = types.strMatching "[a-zA-Z0-9@%:_.\\-]+[.](service|socket|device|mount|automount|swap|target|path|timer|scope|slice)";
  names = option (types.listOf unitName) [ ];

  # As in systemd.services.<name>.serviceConfig: lists are joined, anything else has to agree.
  atom =
    value:
    lib.isString value || lib.isInt value || lib.isFloat value || lib.isBool value || lib.isPath value;
  directive = types.addCheck (lib.mkOptionType {
    name = "systemd option";
    merge =
      place: definitions:
      if lib.any (one: lib.isList one.value) definitions then
        lib.concatMap (one: lib.toList one.value) definitions
      else
        lib.mergeEqualOption place definitions;
  }) (value: if lib.isList value then lib.all atom value else atom value);
  section = option (types.attrsOf directive) { };

  unit = {
    description = option types.singleLineStr "";
    documentation = option (types.listOf types.str) [ ];
    after = names;
    before = names;
    partOf = names;
    requires = names;
    wants = names;
    wantedBy = names;
    startLimitBurst = option (types.nullOr types.int) null;
    startLimitIntervalSec = option (types.nullOr types.int) null;
    reloadTriggers = option (types.listOf types.unspecified) [ ];
    restartTriggers = option (types.listOf types.unspecified) [ ];
    unitConfig = section;
  };
  raw = value: if value._type or "" == "override" then value.content else value;
  among =
    key: known: config:
    !config ? ${key} || lib.elem (raw config.${key}) known;
  serviceSection = types.addCheck (types.attrsOf directive) (
    config:
    among "Type" [
      "exec"
      "simple"
      "forking"
      "oneshot"
      "notify"
      "notify-reload"
      "idle"
    ] config
    && among "Restart" [ "no" "on-success" "on-failure" "on-abnormal" "on-abort" "always" ] config
  );

  submodule = options: types.attrsOf (types.submodule { inherit options; });
  assertion = types.submodule {
    options = {
      assertion = mkOption { type = types.bool; };
      message = mkOption { type = types.str; };
    };
  };
in
{
  options = {
    # Of these a test in virtual machines is free to say anything.
    specialisation = option types.anything { };

    assertions = option (types.listOf assertion) [ ];
    warnings = option (types.listOf types.str) [ ];

    systemd.services = option (submodule (
      unit
      // {
        environment = option (types.attrsOf (types.nullOr types.str)) { };
        serviceConfig = option serviceSection { };
        stopIfChanged = option types.bool true;
      }
    )) { };
    systemd.sockets = option (submodule (
      unit
      // {
        listenStreams = option (types.listOf types.str) [ ];
        socketConfig = section;
      }
    )) { };
    systemd.slices = option (submodule (unit // { sliceConfig = section; })) { };
    systemd.targets = option (submodule unit) { };
    systemd.tmpfiles.rules = option (types.listOf types.str) [ ];

    users.users = option (submodule {
      isSystemUser = option types.bool false;
      isNormalUser = option types.bool false;
      group = option types.str "";
      extraGroups = option (types.listOf types.str) [ ];
    }) { };
    users.groups = option (submodule { members = option (types.listOf types.str) [ ]; }) { };

    environment.systemPackages = option (types.listOf types.package) [ ];
    environment.etc = option (submodule {
      source = option (types.nullOr types.path) null;
      text = option (types.nullOr types.lines) null;
    }) { };
    networking.firewall.allowedTCPPorts = option (types.listOf types.port) [ ];

    services.nginx = {
      enable = option types.bool false;
      group = option types.str "nginx";
      virtualHosts = option (submodule {
        locations = option (submodule {
          uwsgiPass = option (types.nullOr types.str) null;
          recommendedUwsgiSettings = option types.bool false;
        }) { };
      }) { };
    };
  };
}

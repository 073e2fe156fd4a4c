# Writes units as NixOS does, as far as these have sections and keys.
{ lib }:
let
  text = value: if lib.isBool value then lib.boolToString value else toString value;
  keys =
    section:
    lib.concatStrings (
      lib.concatLists (
        lib.mapAttrsToList (key: value: map (one: "${key}=${text one}\n") (lib.toList value)) section
      )
    );
  filled = lib.filterAttrs (_: value: value != "" && value != null);

  head =
    unit:
    "[Unit]\n"
    + keys (
      filled {
        Description = unit.description;
        Documentation = toString unit.documentation;
        After = toString unit.after;
        Before = toString unit.before;
        PartOf = toString unit.partOf;
        Requires = toString unit.requires;
        Wants = toString unit.wants;
        StartLimitBurst = unit.startLimitBurst;
        StartLimitIntervalSec = unit.startLimitIntervalSec;
      }
      // unit.unitConfig
    );
  foot =
    unit: lib.optionalString (unit.wantedBy != [ ]) "\n[Install]\nWantedBy=${toString unit.wantedBy}\n";

  service =
    unit:
    head unit
    + "\n[Service]\n"
    + lib.concatStrings (
      lib.mapAttrsToList (
        key: value: "Environment=${builtins.toJSON "${key}=${value}"}\n"
      ) unit.environment
    )
    + keys unit.serviceConfig
    + foot unit;
  socket =
    unit:
    head unit
    + "\n[Socket]\n"
    + keys ({ ListenStream = unit.listenStreams; } // unit.socketConfig)
    + foot unit;
  slice =
    unit:
    head unit + lib.optionalString (unit.sliceConfig != { }) "\n[Slice]\n${keys unit.sliceConfig}";
  target = unit: head unit + foot unit;

  named =
    ending: write: lib.mapAttrs' (name: unit: lib.nameValuePair "${name}.${ending}" (write unit));
in
config:
named "service" service config.systemd.services
// named "socket" socket config.systemd.sockets
// named "slice" slice config.systemd.slices
// named "target" target config.systemd.targets

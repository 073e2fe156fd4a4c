# What a unit is denied. Every line is a default, which `serviceConfig` replaces.
{ lib }:
one:
let
  # An empty list would render no line, and leave everything.
  capabilities = if one.capabilities == [ ] then "" else one.capabilities;
  list = lib.importJSON ./options.json;
  means = map (name: list.options.${name}.means or name) (
    lib.attrNames (lib.filterAttrs (_: value: value != null) one.settings)
  );
  uses = lib.any (name: lib.elem name means);
  # These settings make system calls of the group @resources.
  resources = uses [
    "cpu-affinity"
    "prio"
    "max-fd"
    "limit-as"
    "limit-nproc"
  ];
in
{
  AmbientCapabilities = capabilities;
  CapabilityBoundingSet = capabilities;
  DevicePolicy = "closed";
  KeyringMode = "private";
  LockPersonality = true;
  MemoryDenyWriteExecute = !one.allowJit;
  NoNewPrivileges = true;
  PrivateDevices = true;
  PrivateMounts = true;
  PrivateTmp = true;
  # A capability counts for nothing in a user namespace of one's own.
  PrivateUsers = one.capabilities == [ ];
  ProcSubset = if one.fullProc then "all" else "pid";
  ProtectClock = true;
  ProtectControlGroups = true;
  ProtectHome = true;
  ProtectHostname = true;
  ProtectKernelLogs = true;
  ProtectKernelModules = true;
  ProtectKernelTunables = true;
  ProtectProc = "invisible";
  ProtectSystem = "strict";
  RemoveIPC = true;
  RestrictAddressFamilies = [
    "AF_UNIX"
    "AF_INET"
    "AF_INET6"
  ];
  RestrictNamespaces = true;
  RestrictRealtime = true;
  RestrictSUIDSGID = true;
  SystemCallArchitectures = "native";
  SystemCallErrorNumber = "EPERM";
  SystemCallFilter = [
    "@system-service"
    "~@privileged"
  ]
  ++ lib.optional (!resources) "~@resources";
  UMask = "0027";
}
// lib.optionalAttrs (one.writablePaths != [ ]) { ReadWritePaths = one.writablePaths; }
// lib.optionalAttrs one.denyNetwork {
  IPAddressAllow = "localhost";
  IPAddressDeny = "any";
}

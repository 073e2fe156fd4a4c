# The units of an instance.
{ lib, cfg }:
let
  # Several definitions of a key are for the module system to merge; the administrator's replaces ours.
  fallback = lib.mapAttrs (_: lib.mkDefault);
  hardening = import ./hardening.nix { inherit lib; };
  rsgi = lib.getExe cfg.package;
in
{
  # `triggers` are the files behind stable paths: a switch that changes one of them reloads the unit, and restarts nothing.
  service =
    name: one: triggers:
    let
      activated = one.socketActivation.enable;
      socket = lib.optional activated "rsgi-${name}.socket";
    in
    {
      description = "rsgi: ${name}";
      documentation = [ "man:rsgi(1)" ];
      after = [ "network.target" ] ++ socket;
      requires = socket;
      wantedBy = lib.optional (!(activated && one.socketActivation.onDemand)) "rsgi.target";
      partOf = [ "rsgi.target" ];
      stopIfChanged = false;
      startLimitIntervalSec = 60;
      startLimitBurst = 5;
      reloadTriggers = triggers;
      inherit (one) environment;
      serviceConfig = lib.mkMerge [
        (fallback (hardening one))
        (fallback {
          Type = "notify";
          NotifyAccess = "main";
          ExecStart = "${rsgi} --ini /etc/rsgi/${name}.ini";
          # Returns when the new generation serves; fails, with the old one still serving, when it does not.
          ExecReload = "${rsgi} reload --wait --pid $MAINPID";
          # The master passes a stop on in the right order: routers first, then workers.
          KillMode = "mixed";
          TimeoutStopSec = one.stopTimeout;
          Restart = "on-failure";
          RestartSec = 1;
          Slice = "system-rsgi.slice";
          # Not preserved over a restart: a dynamic user's would then lie in /run/private, where nginx cannot reach its sockets.
          RuntimeDirectory = "rsgi/${name}";
          RuntimeDirectoryMode = "0750";
          StateDirectory = "rsgi/${name}";
          CacheDirectory = "rsgi/${name}";
          LogsDirectory = "rsgi/${name}";
        })
        (fallback (
          lib.optionalAttrs (one.user == null) { DynamicUser = true; }
          // lib.optionalAttrs (one.user != null) { User = one.user; }
          // lib.optionalAttrs (one.user != null || one.group != null) {
            Group = if one.group != null then one.group else one.user;
          }
          // lib.optionalAttrs (one.watchdogSec != null) { WatchdogSec = one.watchdogSec; }
          // lib.optionalAttrs (one.credentials != { }) {
            LoadCredential = lib.mapAttrsToList (key: path: "${key}:${path}") one.credentials;
          }
        ))
        one.serviceConfig
      ];
    };

  socket = name: one: {
    description = "rsgi: sockets of ${name}";
    wantedBy = [ "sockets.target" ];
    inherit (one.socketActivation) listenStreams;
    # Not below /run/rsgi: systemd makes and removes that with the service.
    socketConfig = {
      SocketMode = "0660";
      SocketGroup = one.socketActivation.group;
      Backlog = 4096;
    };
  };
}

# What cannot be right, found when the system is evaluated.
{
  lib,
  config,
  cfg,
  instances,
  vassals,
  units,
}:
let
  each = check: group: lib.concatLists (lib.mapAttrsToList check group);
  assertion = message: assertion: { inherit assertion message; };

  ofAny =
    name: one:
    map (message: assertion message false) one.faults.errors
    ++ [
      (assertion "${one.place}: configFile stands for settings and extraConfig: give either" (
        one.configFile == null
        || (lib.filterAttrs (_: v: v != null) one.settings == { } && one.extraConfig == "")
      ))
      (assertion
        "${one.place}: a name is of letters, digits, _ and -, and begins with a letter or a digit"
        (lib.match "[A-Za-z0-9][A-Za-z0-9_-]*" name != null)
      )
      (assertion "${one.place}.settings: systemd keeps the process; leave daemonize out" (
        !(one.settings ? daemonize || one.settings ? daemonize2)
      ))
    ];

  ofUnit = name: one: [
    (assertion "${one.place}.user: rsgi is not run as root here; capabilities holds what it needs" (
      one.user != "root"
    ))
    (assertion
      "${one.place}.settings: the unit has no rights to give up; use the options user and group"
      (!(one.settings ? uid || one.settings ? gid))
    )
    (assertion "${one.place}.openFirewall: name the ports" (!one.openFirewall || one.ports != [ ]))
    (assertion "${one.place}.socketActivation.listenStreams: name a socket" (
      !one.socketActivation.enable || one.socketActivation.listenStreams != [ ]
    ))
    (assertion
      "${one.place}.socketActivation.listenStreams: not below /run/rsgi, which goes with the service"
      (!lib.any (lib.hasPrefix "/run/rsgi/") one.socketActivation.listenStreams)
    )
  ];

  isReachable = one: one.address != null && lib.hasPrefix "/" one.address;

  ofVassal = _: one: [
    (assertion "${one.place}.nginx.virtualHost: there is no socket that is a file; set socket" (
      one.nginx.virtualHost == null || isReachable one
    ))
    (assertion
      "${one.place}.nginx.virtualHost: nginx cannot connect to the socket; set services.rsgi.emperor.group to its group"
      (one.nginx.virtualHost == null || cfg.emperor.group == config.services.nginx.group)
    )
  ];

  ofInstance = _: one: [
    (assertion
      "${one.place}.nginx.virtualHost: there is no socket that is a file; set socket, or use socketActivation"
      (one.nginx.virtualHost == null || isReachable one)
    )
  ];
in
each ofAny units
++ each ofAny vassals
++ each ofUnit units
++ each ofVassal vassals
++ each ofInstance instances
++ [
  (assertion "services.rsgi.instances.emperor: that name is the emperor's" (
    !instances ? emperor || vassals == { }
  ))
]

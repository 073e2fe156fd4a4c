# What is run: a configuration, and the Python it runs on.
{
  cfg,
  kind,
  pkgs,
}:
{
  lib,
  name,
  config,
  options,
  ...
}:
let
  sockets = import ../sockets.nix { inherit lib; } config.settings;
  # Somebody wrote it: the default has a lower priority.
  isSocketGiven = options.socket.highestPrio < (lib.mkOptionDefault null).priority;
  inherit (lib) mkOption types literalExpression;
  scalar = types.oneOf [
    types.bool
    types.int
    types.float
    types.str
    types.path
  ];
  place =
    "services.rsgi."
    + lib.optionalString (kind != "emperor") "${kind}."
    + (if kind == "emperor" then kind else name);
in
{
  options = {
    enable = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = "Whether it is part of the system.";
    };

    python = mkOption {
      type = types.nullOr types.package;
      default = pkgs.python3;
      defaultText = literalExpression "pkgs.python3";
      example = literalExpression "pkgs.python312";
      description = ''
        The Python that runs the application: CPython 3.9 or later. Its plugin is chosen, or built, to fit. Instances with
        different Pythons run side by side. `null` for one that runs none.
      '';
    };

    pythonPackages = mkOption {
      type = types.functionTo (types.listOf types.package);
      default = _: [ ];
      defaultText = literalExpression "ps: [ ]";
      example = literalExpression "ps: [ ps.flask ps.requests ]";
      description = "The packages that the application imports, out of those of its `python`; an application may be one of them.";
    };

    settings = mkOption {
      type = types.attrsOf (types.nullOr (types.either scalar (types.listOf scalar)));
      default = { };
      example = literalExpression ''
        {
          module = "shop.wsgi";
          processes = 4;
          static-map = [ "/static=/srv/shop/static" "/media=/srv/shop/media" ];
          vacuum = true;
        }
      '';
      description = ''
        Options of rsgi, by the names of its option reference. A list gives an option several times, `null` leaves it out.
        Names and kinds of values are checked when the system is evaluated. They are written sorted: what depends on its
        place in the file (`for`, `if-env`) belongs into `extraConfig`. A secret does not belong here, for the file can be
        read by everybody: use `credentials`.
      '';
    };

    extraConfig = mkOption {
      type = types.lines;
      default = "";
      example = ''
        if-env = DEBUG
        py-autoreload = 1
        endif =
      '';
      description = "Lines of the configuration file behind those of `settings`, in the order written, not checked.";
    };

    configFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = literalExpression "./uwsgi.ini";
      description = ''
        A whole configuration file, as an existing {file}`uwsgi.ini`, in place of `settings` and `extraConfig`. Its Python,
        `home` and `plugins-dir` are still added, at its top.
      '';
    };

    socket = mkOption {
      type = types.nullOr types.str;
      default = "/run/rsgi/${if kind == "vassals" then "emperor/" else ""}${name}${
        lib.optionalString (kind != "vassals") "/rsgi"
      }.sock";
      defaultText = literalExpression ''"/run/rsgi/NAME/rsgi.sock", for a vassal "/run/rsgi/emperor/NAME.sock"'';
      example = "127.0.0.1:3031";
      description = ''
        Where the uwsgi protocol is spoken, unless the sockets come from systemd or `settings` name one themselves. `null` for
        none. Beside a `configFile` it is not added, and tells nginx where that file listens.
      '';
    };

    place = mkOption {
      type = types.str;
      default = place;
      internal = true;
      readOnly = true;
      description = "Where this stands, for messages.";
    };

    address = mkOption {
      type = types.nullOr types.str;
      default =
        if config.socketActivation.enable or false then
          lib.head config.socketActivation.listenStreams
        else if config.configFile != null then
          # What the file says is not read here.
          (if isSocketGiven then config.socket else null)
        else if sockets.any then
          sockets.uwsgi
        else
          config.socket;
      internal = true;
      readOnly = true;
      description = "Where nginx finds it, `null` where it cannot.";
    };

    faults = mkOption {
      type = types.attrsOf (types.listOf types.str);
      default = import ../check.nix { inherit lib; } "${place}.settings" config.settings;
      internal = true;
      readOnly = true;
      description = "What is wrong with the settings.";
    };

    plugin = mkOption {
      type = types.nullOr types.package;
      default = if config.python == null then null else cfg.package.pluginFor config.python;
      defaultText = literalExpression "config.services.rsgi.package.pluginFor python";
      example = literalExpression "pkgs.rsgi.plugins.python312";
      description = "The plugin of rsgi that runs the Python; it has to fit `python`.";
    };
  };
}

# The unit: its user, its limits, what it is handed.
{ nginxGroup }:
{ lib, config, ... }:
let
  inherit (lib) mkOption types;
  # A socket of systemd has its own group.
  isBehindNginx = config.nginx.virtualHost != null && !config.socketActivation.enable;
in
{
  options = {
    user = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "shop";
      description = "The user, which is made. `null` takes one that exists while the instance runs (DynamicUser).";
    };

    group = mkOption {
      type = types.nullOr types.str;
      default = if isBehindNginx then nginxGroup else null;
      defaultText = lib.literalExpression "null, or nginx' group behind nginx";
      example = "www-data";
      description = "A group that exists, which may connect to the sockets. `null` takes one of the user's own.";
    };

    environment = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = {
        DJANGO_SETTINGS_MODULE = "shop.settings";
      };
      description = "Variables of the environment. A secret does not belong here: use `credentials`.";
    };

    credentials = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = {
        secret-key = "/run/keys/shop";
      };
      description = ''
        Secrets, by name: files outside the store that the application, and nobody else, reads as
        {file}`$CREDENTIALS_DIRECTORY/NAME` (LoadCredential).
      '';
    };

    watchdogSec = mkOption {
      type = types.nullOr types.ints.positive;
      default = 30;
      example = 10;
      description = "After how many seconds without a sign of life the instance is replaced. `null` for never.";
    };

    stopTimeout = mkOption {
      type = types.ints.positive;
      default = 90;
      example = 30;
      description = "How many seconds a stop may take. Longer than the setting `worker-reload-mercy`.";
    };

    serviceConfig = mkOption {
      type = types.attrsOf types.anything;
      default = { };
      example = {
        MemoryMax = "2G";
      };
      description = "The last word on the unit's `[Service]` section: what is given here replaces what the module would write.";
    };
  };
}

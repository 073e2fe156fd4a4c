# Sockets that systemd opens, and ports that the firewall opens.
{ nginxGroup }:
{
  lib,
  name,
  config,
  ...
}:
let
  inherit (lib) mkOption types;
  activated = config.socketActivation;
in
{
  options = {
    socketActivation = {
      enable = lib.mkEnableOption "sockets that systemd opens and keeps over restarts: no connection is refused meanwhile";
      onDemand = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = "Whether the instance is started by the first connection instead of at boot.";
      };
      listenStreams = mkOption {
        type = types.listOf types.str;
        default = [ "/run/rsgi-${name}.sock" ];
        defaultText = lib.literalExpression ''[ "/run/rsgi-NAME.sock" ]'';
        example = [ "0.0.0.0:80" ];
        description = ''
          What the sockets listen on. They speak the uwsgi protocol, or that of the setting `protocol`; a setting such as
          `http = "fd://3"` names the first of them for another use.
        '';
      };
      group = mkOption {
        type = types.str;
        default = if config.nginx.virtualHost == null then "root" else nginxGroup;
        defaultText = lib.literalExpression ''"root", or nginx' group behind nginx'';
        example = "www-data";
        description = "Who may connect to sockets that are files.";
      };
    };

    ports = mkOption {
      type = types.listOf types.port;
      default = [ ];
      example = [ 80 ];
      description = "TCP ports that the settings listen on, for the firewall.";
    };
    openFirewall = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Whether the firewall opens `ports`.";
    };
  };
}

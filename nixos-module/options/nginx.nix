# The virtual host of nginx in front.
{ lib, ... }:
{
  options.nginx = {
    virtualHost = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "shop.example.org";
      description = "A virtual host of `services.nginx` that passes its requests on, by the uwsgi protocol.";
    };
    location = lib.mkOption {
      type = lib.types.str;
      default = "/";
      example = "/api/";
      description = "The part of the virtual host that is passed on.";
    };
  };
}

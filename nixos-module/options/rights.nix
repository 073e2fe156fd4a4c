# What an instance may do beyond the least.
{ lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options = {
    capabilities = mkOption {
      type = types.listOf (types.strMatching "CAP_[A-Z_]+");
      default = [ ];
      example = [ "CAP_NET_BIND_SERVICE" ];
      description = "Capabilities that are kept; `CAP_NET_BIND_SERVICE` to bind a port below 1024 itself.";
    };

    writablePaths = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "/srv/shop/media" ];
      description = ''
        Where it may write, beside {file}`/run/rsgi/NAME`, {file}`/var/lib/rsgi/NAME`, {file}`/var/cache/rsgi/NAME` and
        {file}`/var/log/rsgi/NAME`.
      '';
    };

    denyNetwork = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Whether only this machine can be reached, and only this machine reaches it.";
    };

    allowJit = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Whether memory may be both written and executed, as libraries with a compiler of their own need (numba, PyPy's cffi).";
    };

    fullProc = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Whether all of {file}`/proc` is there ({file}`/proc/meminfo` and {file}`/proc/cpuinfo`, which psutil reads), not its own processes alone.";
    };
  };
}

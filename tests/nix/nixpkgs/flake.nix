# Stands in for nixpkgs where there is none: nixpkgs' lib, and of its packages what this project asks for, made of the machine's own
# tools. `cargo dev check-packaging` lays `lib`, `machine.json` and the project's tests beside it.
{
  outputs =
    { self }:
    let
      # Nix 2.8, which Debian 12 has, cannot tell the type of a path; its folder's listing can.
      lib = (import ./lib).extend (
        _: old: {
          filesystem = old.filesystem // {
            pathType =
              path:
              if toString (dirOf path) == builtins.storeDir then
                "directory"
              else
                (builtins.readDir (dirOf path)).${baseNameOf path};
          };
        }
      );
      pkgs = system: import ./pkgs.nix { inherit lib system; };
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] pkgs;
    };
}

{
  description = "rsgi: a memory-safe application server for Python that runs an existing uwsgi.ini unchanged";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      each = make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      rsgi = pkgs: pkgs.callPackage ./nix/rsgi.nix { };
    in
    {
      overlays.default = final: _: { rsgi = rsgi final; };

      packages = each (
        pkgs:
        import ./nix/packages.nix {
          inherit pkgs;
          rsgi = rsgi pkgs;
        }
      );

      apps = each (pkgs: {
        default = {
          type = "app";
          program = lib.getExe self.packages.${pkgs.stdenv.hostPlatform.system}.default;
          meta.description = "rsgi with the default Python: nix run . -- --http :9090 --wsgi-file foobar.py";
        };
      });

      nixosModules.default =
        { pkgs, ... }:
        {
          imports = [ ./nixos-module ];
          # Made of the system's own packages, so that program, plugins and Pythons fit each other.
          services.rsgi.package = lib.mkDefault (rsgi pkgs);
        };

      checks = each (
        pkgs:
        import ./nix/checks.nix {
          inherit pkgs;
          rsgi = rsgi pkgs;
          packages = self.packages.${pkgs.stdenv.hostPlatform.system};
          module = self.nixosModules.default;
        }
      );

      formatter = each (pkgs: pkgs.nixfmt-tree);

      devShells = each (pkgs: {
        default = pkgs.callPackage ./nix/shell.nix { };
      });
    };
}

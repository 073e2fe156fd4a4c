# The packages. What the project asks for and is not here fails by its name.
{ lib, system }:
let
  machine = lib.importJSON ./machine.json;

  run =
    name: env: script:
    let
      attributes = removeAttrs env [
        "meta"
        "passthru"
        "nativeBuildInputs"
        "buildInputs"
      ];
      made = derivation (
        {
          inherit name system;
          builder = "/bin/bash";
          args = [
            "-euo"
            "pipefail"
            "-c"
            # Without something behind it the last command would take the shell's place, and Nix kills what has closed its output.
            "${script}\n:"
          ];
          PATH = "${machine.cargo}:/usr/bin:/bin";
          HOME = "/tmp";
        }
        // attributes
      );
      passthru = env.passthru or { };
    in
    made
    // passthru
    // {
      inherit passthru;
    }
    // {
      meta = env.meta or { };
    }
    // lib.optionalAttrs (env ? version) { inherit (env) version; };
  tool = name: run name { meta.mainProgram = name; } "mkdir $out";

  python =
    version: prefix:
    let
      self = {
        type = "derivation";
        name = "python3-${version}";
        outPath = prefix;
        pythonVersion = version;
        interpreter = "${prefix}/bin/python${version}";
        withPackages = choose: builtins.seq (choose packages) self;
        meta = { };
      };
      packages = lib.genAttrs [ "django" "flask" ] tool;
    in
    self;
  pythons = lib.mapAttrs' (
    version: prefix:
    lib.nameValuePair "python${lib.replaceStrings [ "." ] [ "" ] version}" (python version prefix)
  ) machine.pythons;

  pkgs =
    lib.genAttrs [
      "apacheHttpd"
      "cacert"
      "cargo"
      "cargo-deny"
      "cargo-nextest"
      "chromedriver"
      "chromium"
      "clippy"
      "curl"
      "iproute2"
      "nghttp2"
      "nginx"
      "nix"
      "nixfmt"
      "nixfmt-tree"
      "openssl"
      "rust-analyzer"
      "rustc"
      "rustfmt"
      "strace"
      "systemd"
    ] tool
    // {
      # Removed from the set, as Pythons are at the end of their life.
      python310 = throw "python310 has been removed";
      # What a flake's own packages may not depend on here.
      python312 = python "3.12" "/no/python3.12";
      python313 = python "3.13" "/no/python3.13";
    }
    // pythons
    // {
      inherit lib pkgs;
      callPackage = lib.callPackageWith pkgs;
      stdenv.hostPlatform.system = system;
      python3 = python "3.11" machine.pythons."3.11";
      runtimeShell = "/bin/sh";
      runCommand = run;
      # Nothing is written: whoever wants the text asks for it.
      writeText = name: text: {
        inherit name text;
        outPath = "/no/${name}";
      };
      mkShell = attributes: run "shell" { tools = map toString attributes.packages; } "mkdir $out";
      rustPlatform.buildRustPackage = import ./rust.nix { inherit machine run; };
      testers.runNixOSTest = import ./machine-test.nix { inherit lib pkgs run; };
      dockerTools = {
        fakeNss.override = _: tool "fake-nss";
        # The configuration of the image, to be looked at.
        streamLayeredImage =
          image:
          run "${image.name}-${image.tag}" {
            inherit (image) tag;
            contents = map toString image.contents;
            configuration = builtins.toJSON image.config;
            passAsFile = [ "configuration" ];
          } "cp $configurationPath $out";
      };
    };
in
pkgs

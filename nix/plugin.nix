# The plugin of one Python: lib/rsgi/rsgi_python312.so, linked to the libpython of that very package.
{
  lib,
  rustPlatform,
  python,
}:
let
  common = import ./common.nix { inherit lib; };
  name = "python${lib.replaceStrings [ "." ] [ "" ] python.pythonVersion}";
in
rustPlatform.buildRustPackage (
  common
  // {
    pname = "rsgi-plugin-${name}";
    cargoBuildFlags = [
      "--package"
      "rsgi-python"
      "--lib"
    ];
    nativeBuildInputs = [ python ];
    buildInputs = [ python ];
    env = common.env // {
      PYO3_PYTHON = python.interpreter;
    };
    postInstall = ''
      mkdir -p $out/lib/rsgi
      mv $out/lib/librsgi_python.so $out/lib/rsgi/rsgi_${name}.so
    '';
    passthru = { inherit python; };
    meta = removeAttrs common.meta [ "mainProgram" ] // {
      description = "Runs Python ${python.pythonVersion} in rsgi";
    };
  }
)

# Stand-ins for packages: each lies where the machine that boots the units has it.
{ lib }:
let
  package = name: outPath: {
    type = "derivation";
    inherit name outPath;
    meta.mainProgram = name;
  };
  python =
    version:
    package "python3" "/usr"
    // {
      pythonVersion = version;
      withPackages =
        choose:
        package "python3-with-packages" "/usr"
        // {
          chosen = choose (lib.genAttrs [ "django" "flask" ] (name: package name "/usr"));
        };
    };
in
{
  inherit lib;
  # Programs and plugins lie in /opt/rsgi: bin/rsgi, lib/rsgi/rsgi_python311.so.
  rsgi = package "rsgi" "/opt/rsgi" // {
    pluginFor = _: package "rsgi-plugin" "/opt/rsgi";
  };
  python3 = python "3.11";
  python311 = python "3.11";
  python312 = python "3.12";
  python313 = python "3.13" // {
    withPackages = _: package "python3-with-packages" "/opt/python3.13";
  };
  # Nothing is written: whoever wants the text asks for it.
  writeText = name: text: {
    inherit name text;
    outPath = "/no/${name}";
  };
}

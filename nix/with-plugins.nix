# rsgi with plugins, of which it finds those in ../lib/rsgi of its own file: so the file is copied, and all else are links.
{
  lib,
  runCommand,
  rsgi,
  plugins,
}:
choose:
let
  chosen = choose plugins;
in
runCommand "rsgi-with-plugins-${rsgi.version}"
  {
    inherit (rsgi) version;
    passthru = rsgi.passthru // {
      inherit chosen;
    };
    meta = rsgi.meta // {
      description = "rsgi with its plugins";
    };
  }
  ''
    mkdir -p $out/bin $out/lib/rsgi
    cp ${rsgi}/bin/rsgi $out/bin/rsgi
    ln -s ${rsgi}/share $out/share
    for plugin in ${lib.concatMapStringsSep " " toString chosen}; do
      ln -s $plugin/lib/rsgi/* $out/lib/rsgi/
    done
  ''

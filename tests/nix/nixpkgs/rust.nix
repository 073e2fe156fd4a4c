# buildRustPackage with this machine's compiler and the crates that `cargo vendor` has laid ready. Optimisation is left out: it costs
# most of the time and proves nothing here.
{ machine, run }:
package:
run "${package.pname}-${package.version}"
  (
    {
      inherit (package) src version;
      inherit (machine) vendor;
      CARGO_PROFILE_RELEASE_LTO = "off";
      CARGO_PROFILE_RELEASE_OPT_LEVEL = "0";
      features = if package.buildNoDefaultFeatures or false then "--no-default-features" else "";
      flags = toString (package.cargoBuildFlags or [ ]);
      buildPhase = package.buildPhase or "cargo build --offline --frozen --release $features $flags";
      installPhase =
        package.installPhase or ''
          install -D --target-directory=$out/bin $(find target/release -maxdepth 1 -type f -executable ! -name '*.so') || true
          install -D --target-directory=$out/lib $(find target/release -maxdepth 1 -name '*.so') || true
        '';
      preBuild = package.preBuild or "";
      postInstall = package.postInstall or "";
      passthru = package.passthru or { };
      inherit (package) meta;
    }
    // package.env or { }
  )
  ''
    cp -r $src source
    chmod -R u+w source
    cd source
    mkdir .cargo
    printf '[source.crates-io]\nreplace-with = "vendor"\n[source.vendor]\ndirectory = "%s"\n' $vendor > .cargo/config.toml
    export CARGO_HOME=$PWD/.cargo CARGO_TARGET_DIR=$PWD/target
    eval "$preBuild"
    eval "$buildPhase"
    eval "$installPhase"
    eval "$postInstall"
    find $out -type f \( -name '*.so' -o -path '*/bin/*' \) -exec strip --strip-all {} + || true
  ''

# An image of rsgi and one Python, without a shell: nix run .#oci | docker load
{
  lib,
  dockerTools,
  cacert,
  rsgi,
  python,
}:
let
  program = rsgi.withPlugins (_: [ (rsgi.pluginFor python) ]);
  user = "10001";
in
dockerTools.streamLayeredImage {
  name = "rsgi";
  tag = "${rsgi.version}-python${python.pythonVersion}";
  contents = [
    cacert
    python
    program
    (dockerTools.fakeNss.override {
      extraPasswdLines = [ "rsgi:x:${user}:${user}:rsgi:/app:/bin/false" ];
      extraGroupLines = [ "rsgi:x:${user}:" ];
    })
  ];
  fakeRootCommands = ''
    mkdir -p app run/rsgi tmp
    chown ${user}:${user} run/rsgi
    chmod 1777 tmp
  '';
  maxLayers = 100;
  config = {
    User = "${user}:${user}";
    WorkingDir = "/app";
    Entrypoint = [ (lib.getExe program) ];
    # It stops whatever die-on-term says.
    StopSignal = "SIGINT";
    Healthcheck = {
      Test = [
        "CMD"
        (lib.getExe program)
        "healthcheck"
      ];
      # Nanoseconds.
      Interval = 10 * 1000000000;
      Timeout = 5 * 1000000000;
      StartPeriod = 60 * 1000000000;
    };
    ExposedPorts."9090/tcp" = { };
    Env = [
      "LANG=C.UTF-8"
      "PYTHONUNBUFFERED=1"
      "SSL_CERT_FILE=${cacert}/etc/ssl/certs/ca-bundle.crt"
    ];
    Labels = {
      "org.opencontainers.image.title" = "rsgi";
      "org.opencontainers.image.description" = rsgi.meta.description;
      "org.opencontainers.image.version" = rsgi.version;
      "org.opencontainers.image.licenses" = "MIT OR Apache-2.0";
    };
  };
}

# Everything that `cargo dev test` wants.
{
  mkShell,
  cargo,
  cargo-deny,
  cargo-nextest,
  chromedriver,
  chromium,
  clippy,
  curl,
  iproute2,
  nghttp2,
  nginx,
  nix,
  nixfmt-tree,
  openssl,
  python312,
  python313,
  rust-analyzer,
  rustc,
  rustfmt,
  systemd,
}:
mkShell {
  packages = [
    cargo
    cargo-deny
    cargo-nextest
    chromedriver
    chromium
    clippy
    curl
    iproute2
    nghttp2
    nginx
    nix
    nixfmt-tree
    openssl
    # The first on PATH is the one that a plain build embeds.
    python312
    python313
    rust-analyzer
    rustc
    rustfmt
    systemd
  ];
}

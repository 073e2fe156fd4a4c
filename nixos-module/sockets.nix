# Which sockets settings name.
{ lib }:
settings:
let
  list = lib.importJSON ./options.json;
  canonical = name: list.options.${name}.means or name;
  written = lib.filterAttrs (_: value: value != null) settings;
  meant = map canonical (lib.attrNames written);
  first = name: lib.findFirst (_: true) null (lib.toList (written.${name} or [ ]));
  uwsgi = lib.findFirst (value: value != null) null (
    map first [
      "socket"
      "uwsgi-socket"
    ]
  );
in
{
  # Whether they name any, so that the module adds none.
  any = lib.any (name: lib.elem name meant) [
    "socket"
    "uwsgi-socket"
    "http-socket"
    "https-socket"
    "http11-socket"
    "fastcgi-socket"
    "scgi-socket"
    "puwsgi-socket"
    "suwsgi-socket"
    "http"
    "https"
    "https2"
  ];
  # The one that speaks the uwsgi protocol, as nginx does.
  uwsgi = if uwsgi == null then null else toString uwsgi;
}

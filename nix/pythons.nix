# The Pythons that the package set has and rsgi runs. One that was removed from the set throws, and is left out.
{ lib, pkgs }:
let
  names = map (minor: "python3${toString minor}") (lib.range 10 14);
  found =
    name:
    builtins.tryEval (if pkgs ? ${name} then builtins.seq pkgs.${name}.outPath pkgs.${name} else null);
in
lib.filterAttrs (_: python: python != null) (
  lib.genAttrs names (
    name:
    let
      tried = found name;
    in
    if tried.success then tried.value else null
  )
)

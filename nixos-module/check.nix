# Compares settings with the list of rsgi's options, which is generated.
{ lib }:
place: settings:
let
  list = lib.importJSON ./options.json;
  inherit (list) options others;

  given = lib.filterAttrs (_: value: value != null) settings;

  # As far as a slip of the fingers goes.
  limit =
    name:
    let
      length = lib.stringLength name;
    in
    if length < 3 then
      0
    else if length < 6 then
      1
    else if length < 10 then
      2
    else
      3;
  distance =
    one: other: lib.strings.levenshtein (lib.toLower (lib.replaceStrings [ "_" ] [ "-" ] one)) other;
  abs = number: if number < 0 then -number else number;
  nearest =
    name: names:
    let
      close = lib.filter (
        other: abs (lib.stringLength other - lib.stringLength name) <= limit name
      ) names;
      measured = map (other: {
        inherit other;
        far = distance name other;
      }) close;
      sorted = lib.sort (one: other: one.far < other.far) (
        lib.filter (one: one.far <= limit name) measured
      );
    in
    lib.optionals (sorted != [ ]) [ (lib.head sorted).other ];

  unknown =
    name:
    let
      found = nearest name (lib.attrNames options) ++ nearest name (lib.attrNames others);
    in
    "${place}: there is no option `${name}`"
    + (
      if found != [ ] then
        "; did you mean `${lib.head found}`?"
      else
        "; a placeholder is set by set-placeholder = [ \"${name}=…\" ]"
    );

  amount =
    value: lib.isInt value || (lib.isString value && lib.match "[0-9]+|.*[%$].*" value != null);
  text = value: lib.isString value || lib.isPath value || lib.isInt value || lib.isFloat value;
  fits =
    option: value:
    if option.value == "flag" then
      lib.isBool value || lib.isString value
    else
      (option.bare && lib.isBool value)
      || (if option.value == "number" then amount value else text value);
  expected = {
    flag = "true or false";
    number = "a number";
    text = "a text";
  };
  shown = value: builtins.toJSON (if lib.isPath value then toString value else value);
  # A line break would begin another option.
  plain = value: !(lib.isString value && lib.hasInfix "\n" value);

  faultsOf =
    name: value:
    let
      option = options.${name};
      values = lib.toList value;
    in
    if others.${name}.verdict or "" == "refused" then
      [ "${place}.${name} is refused: ${others.${name}.text}" ]
    else if others ? ${name} then
      [ ]
    else if !options ? ${name} then
      [ (unknown name) ]
    else
      map (one: "${place}.${name} takes ${expected.${option.value}}, not ${shown one}") (
        lib.filter (one: !fits option one) values
      )
      ++ map (one: "${place}.${name}: ${shown one} has a line break") (
        lib.filter (one: !plain one) values
      );

  named = lib.groupBy (name: options.${name}.means or name) (lib.attrNames given);
  # A list says that several are meant; two names for one option hardly are.
  twice = lib.mapAttrsToList (
    _: names: "${place}: ${lib.concatStringsSep " and " names} are one option: give one of them"
  ) (lib.filterAttrs (_: names: lib.length names > 1) named);
in
{
  errors = lib.concatLists (lib.mapAttrsToList faultsOf given) ++ twice;
  warnings = lib.concatLists (
    lib.mapAttrsToList (
      name: _:
      lib.optional (
        others.${name}.verdict or "" == "not built"
      ) "${place}.${name} has no effect, for it is not built; under uWSGI: ${others.${name}.text}"
    ) given
  );
}

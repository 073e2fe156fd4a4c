# The name is part of names of units and directories.
{
  says = "a name is of letters, digits, _ and -";
  configuration.services.rsgi = {
    enable = true;
    instances."../web" = { };
  };
}

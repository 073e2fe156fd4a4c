import os
import sys
import sysconfig


def program():
    """The rsgi that this package was installed with."""
    schemes = [sysconfig.get_path("scripts")]
    if hasattr(sysconfig, "get_preferred_scheme"):
        schemes.append(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")))
    for folder in schemes:
        path = os.path.join(folder, "rsgi")
        if os.path.isfile(path):
            return path
    sys.exit("python -m rsgi: there is no program rsgi in %s: install rsgi again" % ", ".join(schemes))


if __name__ == "__main__":
    path = program()
    os.execv(path, [path, *sys.argv[1:]])

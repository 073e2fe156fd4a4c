"""The build backend of `pip install .`: maturin builds the server, and this the plugin of the Python that asks.

The plugin is linked to no libpython, as a wheel must be: where that lies only the environment tells that the wheel is installed
into, and the server looks there. `PREFIX/bin/rsgi` finds its plugins in `PREFIX/lib/rsgi`.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import maturin
from maturin import get_requires_for_build_sdist  # noqa: F401: a hook of PEP 517

# As pyproject.toml says: what lies below `data` is installed below the prefix.
PLUGINS = Path("target/wheel/data/lib/rsgi")


def get_requires_for_build_wheel(config_settings=None):
    check()
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    check()
    # maturin looks for it before anything is built.
    PLUGINS.mkdir(parents=True, exist_ok=True)
    return maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def build_sdist(sdist_directory, config_settings=None):
    PLUGINS.mkdir(parents=True, exist_ok=True)
    return maturin.build_sdist(sdist_directory, config_settings)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    check()
    tag = "cp%d%d" % sys.version_info[:2]
    build_plugin()
    name = maturin.build_wheel(wheel_directory, config_settings, metadata_directory)
    # maturin takes a wheel with a program for one that fits any Python; the plugin fits one.
    command = [sys.executable, "-m", "wheel", "tags", "--remove", "--python-tag", tag, "--abi-tag", tag, name]
    retagged = subprocess.run(command, cwd=wheel_directory, stdout=subprocess.PIPE, check=True, text=True)
    return retagged.stdout.strip()


def check():
    """Says what is missing before anything is built."""
    version = "%d.%d" % sys.version_info[:2]
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise SystemExit("rsgi: %s cannot be embedded: use CPython with its interpreter lock" % sys.executable)
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        raise SystemExit(
            "rsgi: Python %s in %s has no shared library, and rsgi embeds the interpreter: install python%s-dev, "
            "or PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install %s" % (version, sys.base_prefix, version, version)
        )
    if not shutil.which("cargo"):
        raise SystemExit("rsgi: cargo is not there: install Rust (https://rustup.rs)")


def build_plugin():
    """Lays rsgi_pythonXY.so where maturin takes it from."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    # The environment that pip builds in is soon gone; the interpreter that it was made from stays.
    python = os.path.realpath(sys._base_executable)
    command = ["cargo", "build", "--release", "--package", "rsgi-python", "--target-dir", str(target)]
    subprocess.run(command, env={**os.environ, "PYO3_PYTHON": python, "PYO3_BUILD_EXTENSION_MODULE": "1"}, check=True)
    shutil.rmtree(PLUGINS, ignore_errors=True)
    PLUGINS.mkdir(parents=True)
    name = "rsgi_python%d%d.so" % sys.version_info[:2]
    shutil.copy(target / "release/librsgi_python.so", PLUGINS / name)

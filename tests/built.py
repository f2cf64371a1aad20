"""What the build has made."""
import json
import os
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = (ROOT / os.environ.get("PPROFC_BUILD_DIR", "build")).resolve()


def read_sanitizers():
    """What the build was made with ('none', 'address,undefined')."""
    try:
        options = json.loads((BUILD / "meson-info" / "intro-buildoptions.json").read_text())
    except OSError:
        return "none"
    value = next((one["value"] for one in options if one["name"] == "b_sanitize"), "none")
    return value if isinstance(value, str) else ",".join(value) or "none"


def built(name):
    """The path of 'name' in the build.  Any build that has the tests has it, but that a sanitized one has some things only:
    where it is missing, that is a fault and no reason to skip."""
    path = BUILD / name
    if not path.exists():
        if read_sanitizers() != "none":
            raise unittest.SkipTest(f"a sanitized build has no {name}")
        raise AssertionError(f"{name} is not built, although this build has the tests")
    return path

"""The checkout as the lint tests see it."""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("PPROFC_BUILD_DIR", ROOT / "build"))
CODE_FOLDERS = ("src", "include", "tests", "examples", "bench", "web")
COMPILE = ["-std=gnu17", "-D_GNU_SOURCE", '-DPP_VERSION="0"', f"-I{ROOT / 'include'}", f"-I{ROOT / 'src'}"]


def files(*suffixes, folders=CODE_FOLDERS):
    """Files of the folders whose name ends in one of the suffixes, sorted."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file() and "__pycache__" not in path.parts:
                yield path


def short(path):
    return str(path.relative_to(ROOT))

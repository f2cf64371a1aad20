"""The checkout as the lint tests see it."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from built import BUILD, ROOT, built  # noqa: E402, F401

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

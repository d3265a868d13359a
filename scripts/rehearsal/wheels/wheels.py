"""Makes wheels out of Debian's Python packages, so that a comparison with pip needs no package index.

    wheels.py OUT PACKAGE.deb...

Each .deb holds a distribution under dist-packages, with its METADATA. What it lacks of a wheel is its WHEEL and
RECORD (see the binary distribution format of the Python packaging guide).
"""
import base64
import email.parser
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

WHEEL = "Wheel-Version: 1.0\nGenerator: everspot bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def contents(root: pathlib.Path, about: pathlib.Path) -> dict[str, bytes]:
    skipped = {"RECORD", "WHEEL", "INSTALLER", "direct_url.json", "REQUESTED"}
    return {
        str(file.relative_to(root)): file.read_bytes()
        for file in sorted(root.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts and not (file.parent == about and file.name in skipped)
    }


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def repack(deb: str, out: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "--extract", deb, folder], check=True)
        root = pathlib.Path(folder, "usr/lib/python3/dist-packages")
        about = next(root.glob("*.dist-info"))
        metadata = email.parser.BytesParser().parsebytes((about / "METADATA").read_bytes())
        name = re.sub(r"[-_.]+", "_", metadata["Name"])
        files = contents(root, about)
        wanted = f"{name}-{metadata['Version']}.dist-info"
        files = {path.replace(about.name, wanted, 1) if path.startswith(about.name) else path: content
                 for path, content in files.items()}
        files[f"{wanted}/WHEEL"] = WHEEL.encode()
        record = "".join(f"{path},sha256={digest(content)},{len(content)}\n" for path, content in files.items())
        files[f"{wanted}/RECORD"] = f"{record}{wanted}/RECORD,,\n".encode()
        with zipfile.ZipFile(out / f"{name}-{metadata['Version']}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
            for path, content in files.items():
                wheel.writestr(path, content)


if __name__ == "__main__":
    for package in sys.argv[2:]:
        repack(package, pathlib.Path(sys.argv[1]))

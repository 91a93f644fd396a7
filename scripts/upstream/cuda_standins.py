#!/usr/bin/env python3
"""Empty stand-ins for the CUDA libraries that PyTorch's wheel links with.

Usage: cuda_standins.py TORCH/lib      (TORCH: the installed package's folder)

The wheel without its CUDA dependencies is 1 GB instead of 6.5 GB, but its
libraries name the CUDA ones and will not load without them. Each missing one
becomes a small library whose functions answer that there is no device.
Needs gcc and readelf (x86-64).
"""

import pathlib
import subprocess
import sys
import tempfile


def readelf(option: str, path: pathlib.Path) -> list[list[str]]:
    text = subprocess.run(
        ["readelf", "-W", option, str(path)], capture_output=True, text=True, check=True
    ).stdout
    return [line.split() for line in text.splitlines()]


def build(target: pathlib.Path, versions: dict[str, list[str]]) -> None:
    """A library with these functions, by symbol version ("" for none)."""
    names = [name for version in versions.values() for name in version]
    # Registration at start asks for nothing back; the rest says "no device" (cudaErrorNoDevice).
    value = {name: 0 if name.startswith("__") else 100 for name in names}
    code = [
        f".globl {name}\n.type {name},@function\n{name}: mov ${value[name]}, %eax\nret" for name in names
    ]
    script = "\n".join(
        f"{version} {{ global: {'; '.join(names)}; }};" for version, names in versions.items() if version and names
    )
    with tempfile.TemporaryDirectory() as folder:
        source, exports = pathlib.Path(folder) / "standin.s", pathlib.Path(folder) / "exports"
        source.write_text(".text\n" + "\n".join(code) + '\n.section .note.GNU-stack,"",@progbits\n')
        exports.write_text(script + "\n")
        link = ["gcc", "-shared", "-nostdlib", f"-Wl,-soname,{target.name}", "-o", str(target), str(source)]
        subprocess.run(link + ([f"-Wl,--version-script={exports}"] if script else []), check=True)


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    libraries = [path for path in sorted(folder.glob("*.so")) if not path.is_symlink()]
    needed, undefined, defined, of_version = set(), {}, set(), {}
    for library in libraries:
        needed |= {row[-1][1:-1] for row in readelf("-d", library) if "(NEEDED)" in row}
        file = None
        for row in readelf("-V", library):
            if "File:" in row:
                file = row[row.index("File:") + 1]
            elif file and "Name:" in row:
                of_version[row[row.index("Name:") + 1]] = file
        for row in readelf("--dyn-syms", library):
            if len(row) >= 8 and row[0].endswith(":"):
                name, _, version = row[7].partition("@")
                if row[6] == "UND":
                    undefined[name] = version.lstrip("@")
                else:
                    defined.add(name)
    missing = sorted(name for name in needed if name.startswith(("libcu", "libnccl", "libnv")))
    parts = {name: {} for name in missing}
    for name, version in sorted(undefined.items()):
        if name not in defined and name.startswith(("cu", "__cuda", "nccl", "nvrtc", "nvshmem", "nvtx")):
            library = of_version.get(version, missing[0])
            parts[library].setdefault(version, []).append(name)
    for name, versions in parts.items():
        build(folder / name, versions)
    count = sum(len(names) for versions in parts.values() for names in versions.values())
    print(f"{len(missing)} stand-ins, {count} functions")


main()

"""Writes an index of a local copy of a published set, or of a plain folder, for training and evaluation.

    shingan index faceforensics ROOT INDEX.csv

How each set must lie, and where to ask for it, is in datasets/README.md. Nothing is downloaded.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from detector.training.adapters import celebdf, df40, dfdc, faceforensics, folder, genimage
from detector.training.adapters.entries import Entry, LayoutUnknown, write_index

FORMATS: Final[Mapping[str, Callable[[Path], Iterator[Entry]]]] = {
    "celebdf": celebdf.entries,
    "df40": df40.entries,
    "dfdc": dfdc.entries,
    "faceforensics": faceforensics.entries,
    "folder": folder.entries,
    "genimage": genimage.entries,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format", choices=sorted(FORMATS))
    parser.add_argument("root", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not args.root.is_dir():
        raise LayoutUnknown(f"{args.root} is not a folder.")
    count = write_index(FORMATS[args.format](args.root), args.out)
    print(json.dumps({"files": count, "index": str(args.out)}) if args.json else f"{count} files in {args.out}")


if __name__ == "__main__":
    main()

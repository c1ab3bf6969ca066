"""`python -m tests.ro_crate BUNDLE…`: what roc-validator finds in each; exit status 1 where the standard is broken,
2 where nothing could be checked."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.ro_crate import Uninstallable, Validator, install


def main(folders: list[str]) -> int:
    missing = [folder for folder in folders if not Path(folder).exists()]
    if missing or not folders:
        print(f"No bundle: {', '.join(missing) or 'name one'}.", file=sys.stderr)
        return 2
    try:
        install()
    except Uninstallable as problem:
        print(f"roc-validator could not be installed:\n{problem}", file=sys.stderr)
        return 2
    broken = 0
    with Validator("RECOMMENDED") as validator:
        for folder in folders:
            found = validator.findings(Path(folder).resolve())
            broken += len(found.get("REQUIRED", []))
            print(f"{folder}: {len(found.get('REQUIRED', []))} errors")
            for severity, sentences in found.items():
                for sentence in sentences:
                    print(f"  {severity.lower()}: {sentence}")
    return min(broken, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Write every generated page, and the generated parts of the others."""

import sys

from circles_docs.pages import ROOT, fill, parts, whole_pages


def main() -> int:
    """Write what differs and say so."""
    written: list[str] = []
    for name, write in whole_pages().items():
        path, text = ROOT / name, write()
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            written.append(name)
    for part in parts():
        path = ROOT / part.page
        before = path.read_text(encoding="utf-8")
        after = fill(before, part)
        if after != before:
            path.write_text(after, encoding="utf-8")
            written.append(f"{part.page} ({part.name})")
    sys.stdout.write("".join(f"written: {name}\n" for name in written) or "scripts/docs: all pages are up to date\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

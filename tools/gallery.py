"""Draws the whole zoo into a folder, with a page to look at.

    python tools/gallery.py -o /tmp/gallery --style graph --style paper
    python tools/gallery.py -o /tmp/gallery --only resnet --only unet

What cannot be drawn is named at the end, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from html import escape
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import archdsl  # noqa: E402 - the checkout's own
from archdsl.backends.diagram.engine import DrawingError  # noqa: E402
from archdsl.project import write  # noqa: E402

STYLES = ("graph", "paper", "volumes", "table")

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Gallery</title>
<style>
body {{ font: 14px/1.4 sans-serif; margin: 2em; background: #f4f5f7; color: #222b33 }}
section {{ display: flex; flex-wrap: wrap; gap: 1em; align-items: flex-start }}
figure {{ margin: 0; padding: 8px; background: #fff; border: 1px solid #d5d9de }}
figure img {{ max-width: 620px; max-height: 820px }}
figcaption {{ color: #5a646e }}
</style>
<h1>Gallery</h1>
{sections}
</html>
"""


@dataclass(frozen=True, order=True)
class Picture:
    """A picture to draw: the specification, its place among the families, and the style."""

    family: str
    name: str
    target: str
    style: str
    format: str

    @property
    def file(self) -> Path:
        return Path(self.family) / f"{self.name}-{self.style}.{self.format}"


def wanted(families: Sequence[str], styles: Sequence[str], form: str, *, variants: bool) -> Iterator[Picture]:
    """What to draw: each file of the zoo once, or every variant too."""
    seen: set[Path] = set()
    for entry in archdsl.zoo().values():
        if (families and entry.family not in families) or (entry.path in seen and not variants):
            continue
        seen.add(entry.path)
        target = f"{entry.path}:{entry.variant}" if entry.variant and variants else str(entry.path)
        name = entry.name if variants else entry.path.stem
        for style in styles:
            yield Picture(entry.family, name, target, style, form)


def drawn(picture: Picture, folder: Path) -> str:
    """Draw one picture; returns what went wrong, if something did."""
    try:
        content = archdsl.load(picture.target).draw(style=picture.style, format=picture.format)
    except DrawingError as error:
        return f"{picture.file}: {error}"
    except Exception as error:  # one broken picture must not hide the others
        return f"{picture.file}: {type(error).__name__}: {error}"
    write(folder / picture.file, content)
    return ""


def index(pictures: Sequence[Picture]) -> str:
    """The page that shows all pictures, family by family."""
    sections = []
    for family in dict.fromkeys(picture.family for picture in pictures):
        figures = [
            f'<figure><a href="{path}"><img loading="lazy" src="{path}" alt="{caption}"></a>'
            f"<figcaption>{caption}</figcaption></figure>"
            for picture in pictures
            if picture.family == family
            for path, caption in [(escape(picture.file.as_posix()), escape(f"{picture.name}, {picture.style}"))]
        ]
        sections.append(f"<h2>{escape(family)}</h2>\n<section>\n" + "\n".join(figures) + "\n</section>")
    return PAGE.format(sections="\n".join(sections))


def main() -> int:
    """Draw; 1 if some picture failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--style", action="append", choices=STYLES, help="style to draw (may be given again)")
    parser.add_argument("--only", action="append", metavar="FAMILY", help="this family alone (may be given again)")
    parser.add_argument("--format", choices=("svg", "png"), default="svg")
    parser.add_argument("--variants", action="store_true", help="every network, not only each file's defaults")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    given = parser.parse_args()
    families = {entry.family for entry in archdsl.zoo().values()}
    for family in given.only or ():
        if family not in families:
            parser.error(f"no family is called {family!r}; known: {', '.join(sorted(families))}")
    pictures = list(wanted(given.only or (), given.style or STYLES, given.format, variants=given.variants))
    troubles = run(pictures, given.output, given.jobs)
    write(given.output / "index.html", index(pictures))
    print(f"wrote {len(pictures) - len(troubles)} pictures and {given.output / 'index.html'}")
    print("\n".join(sorted(troubles)), end="\n" if troubles else "", file=sys.stderr)
    return int(bool(troubles))


def run(pictures: Sequence[Picture], folder: Path, jobs: int) -> list[str]:
    """Draw all pictures in processes, with a bar on a terminal; returns what went wrong."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with (
        ProcessPoolExecutor(max(jobs, 1)) as pool,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        waiting: list[Future[str]] = [pool.submit(drawn, picture, folder) for picture in pictures]
        return [
            trouble
            for done in progress.track(as_completed(waiting), total=len(waiting), description="drawing")
            if (trouble := done.result())
        ]


if __name__ == "__main__":
    sys.exit(main())

"""``python -m helpers.data download`` fetches HAM10000; ``check`` reads every image of a folder."""

import argparse
import sys

from helpers import settings
from helpers.data import _check, _download
from helpers.data._files import DataError


def parser():
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m helpers.data", description="The images of the course.")
    commands = top.add_subparsers(dest="command", required=True)
    download = commands.add_parser(
        "download",
        description="Download HAM10000 (10,015 images, about 2.8 GB; 5.2 GB from Kaggle) for the course.",
        epilog=_download.NOTICE,
        help="fetch HAM10000 (2.8 GB)",
    )
    download.add_argument("--source", choices=_download.CHOICES, default="dataverse", help="where from (%(default)s)")
    download.add_argument("--no-masks", action="store_true", help="leave out the lesion masks (14 MB, Dataverse only)")
    check = commands.add_parser(
        "check",
        description="Read all images and masks that a chapter would use, and say what is damaged, missing or odd.",
        help="read every image and mask, and report",
    )
    check.add_argument("--data", help="the folder (SKIN_DATA, or an earlier download, or the embedded sample)")
    for command in (download, check):
        command.add_argument("--cache", help="the folder in SKIN_CACHE, or the user's cache folder")
    return top


def main(arguments=None):
    """Run a command; return the exit code: 0, 1 after an error or damage, 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    try:
        if options.command == "check":
            config = settings.for_chapter("meet-the-data", data=options.data, cache=options.cache)
            report = _check.check(config)
            print(report)
            return 1 if report.problems else 0
        cache = settings.for_chapter("meet-the-data", cache=options.cache).cache
        place = _download.fetch(cache, options.source, masks=not options.no_masks)
    except (_download.DownloadError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; files that are whole are kept, run this again for the rest", file=sys.stderr)
        return 130
    print(f"HAM10000 is in {place}. The chapters take it from there when their cache is {cache}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

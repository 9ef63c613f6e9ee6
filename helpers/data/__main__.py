"""``python -m helpers.data download`` fetches HAM10000 for a reader with internet; ``--help`` names the sources."""

import sys

from helpers.data._download import main

if __name__ == "__main__":
    if sys.argv[1:2] != ["download"]:
        sys.exit("usage: python -m helpers.data download [--help]")
    sys.exit(main(sys.argv[2:]))

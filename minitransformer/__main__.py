"""Run the command line: ``python -m minitransformer``."""

from minitransformer.cli import main

if __name__ == "__main__":
    main()

"""Lets ``python -m translator`` do what the command ``translator`` does."""

from translator.cli.main import main

if __name__ == "__main__":
    main()

"""`python -m cli`: the same commands where the script `personalization` is not on the path."""

from cli.main import main

if __name__ == "__main__":
    main()

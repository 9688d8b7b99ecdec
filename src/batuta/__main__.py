"""`python -m batuta`: the same as the command `batuta`."""

from batuta.cli.main import main

if __name__ == "__main__":
    main()

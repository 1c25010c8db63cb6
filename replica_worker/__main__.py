"""`python -m replica_worker` is the `replica` command."""

from replica_worker.cli.main import main

if __name__ == "__main__":
    main()

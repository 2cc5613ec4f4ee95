"""``python -m usnet``: the command, also for torchrun."""

from usnet.cli import main

if __name__ == "__main__":
    main()

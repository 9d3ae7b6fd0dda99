"""``python -m wyckforge``, which launchers of several processes need."""

from wyckforge.cli import main

if __name__ == "__main__":
    main(prog_name="wyckforge")

"""What a user sees when something is wrong: one or two lines on standard error and a fitting exit status."""

from __future__ import annotations

import errno
from typing import Any, NoReturn

import click

from wyckforge.errors import WyckforgeError

SAVED = "wyckforge.saved"
"""Key of ``click.Context.meta`` under which a verb says what an interruption leaves behind."""

FAILED, MISTAKE, INTERRUPTED = 1, 2, 130
_FULL = {errno.ENOSPC, errno.EDQUOT}


class UserErrors(click.Group):
    """A group of verbs whose foreseeable errors end in a message, never in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; translate what a user can cause."""
        try:
            _refuse_empty(ctx.args)
            return super().invoke(ctx)
        except click.UsageError as error:
            verb = error.ctx.command_path if error.ctx else "wyckforge"
            message = error.format_message()
            _leave(ctx, f"{message}{'' if message.endswith(('.', '?')) else '.'} See '{verb} --help'.", MISTAKE)
        except WyckforgeError as error:
            _leave(ctx, str(error), MISTAKE)
        except KeyboardInterrupt:
            _leave(ctx, f"interrupted; {ctx.meta.get(SAVED, 'nothing was written')}", INTERRUPTED)
        except OSError as error:
            if error.errno in _FULL:
                saved = ctx.meta.get(SAVED, "what was written before is intact")
                _leave(ctx, f"the disk is full; free some space ({saved})", FAILED)
            if error.filename is None or error.strerror is None:
                raise
            _leave(ctx, f"{error.filename}: {error.strerror}; check the path and its permissions", FAILED)


def _refuse_empty(words: list[str]) -> None:
    """Pass if no value is empty: it is most often a variable of the shell that was not set, and would ask for nothing.

    Raises:
        click.UsageError: one is.
    """
    for before, word in zip(["", *words], words, strict=False):
        option, equals, value = word.partition("=") if word.startswith("--") else (before, "=", word)
        if equals and not value.strip():
            what = f"the value of {option}" if option.startswith("-") else "an argument"
            raise click.UsageError(f"{what} is empty; give one, or leave it out")


def _leave(ctx: click.Context, message: str, status: int) -> NoReturn:
    click.echo(f"wyckforge: {message}", err=True)
    ctx.exit(status)

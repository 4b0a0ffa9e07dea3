"""`python -m cloakroom`: the storage from a shell, for those without the AWS CLI."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloakroom._client import Client
from cloakroom._objects import Folder, Object
from cloakroom._version import __version__
from cloakroom.errors import CloakroomError, ConfigurationError, NotSignedInError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloakroom._objects import Transfers
    from cloakroom._storage import Storage

REMOTE = "cr:"
_FAILED, _USAGE, _SIGN_IN, _INTERRUPTED = 1, 2, 77, 130

_DESCRIPTION = f"""\
Copy files to and from your storage behind a cloakroom gateway.

Names in the storage begin with {REMOTE}, and never with the bucket or the prefix.
The credential comes from CLOAKROOM_API_KEY, CLOAKROOM_TOKEN_FILE or --token-file,
or else from `cloakroom login`.
"""

_EXAMPLES = f"""\
examples:
  python -m cloakroom cp local.csv {REMOTE}Incoming/
  python -m cloakroom ls {REMOTE}Outgoing/
  python -m cloakroom cp -r {REMOTE}Outgoing/ results/
  python -m cloakroom sync --delete data/ {REMOTE}data/
  python -m cloakroom rm -r {REMOTE}Incoming/2025/

exit codes: 0 done, 1 refused or failed, 2 wrong usage, 77 sign in (again)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except NotSignedInError as error:
        return _say(error, _SIGN_IN)
    except ConfigurationError as error:
        return _say(error, _USAGE)
    except (CloakroomError, OSError) as error:
        return _say(error, _FAILED)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    with Client(
        options.url,
        token_file=options.token_file,
        workspace=options.workspace,
        parallel=options.parallel,
        ca_file=options.ca_file,
        allow_http=options.allow_http,
    ) as client:
        run: Callable[[Storage, argparse.Namespace], int] = options.run
        return run(client.storage, options)


def _say(error: Exception, code: int) -> int:
    print(f"cloakroom: {error}", file=sys.stderr)  # noqa: T201
    return code


def _print(text: str) -> None:
    # Names in a shared storage are other people's: a terminal obeys control characters.
    print("".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text))  # noqa: T201


def _ls(storage: Storage, options: argparse.Namespace) -> int:
    prefix = _named(options.prefix) if options.prefix else ""
    for item in storage.list(prefix, recursive=options.recursive):
        if isinstance(item, Folder):
            _print(f"{'':19} {'':>12} {item.key}")
        else:
            _print(_line(item))
    return 0


def _line(item: Object) -> str:
    return f"{item.last_modified:%Y-%m-%d %H:%M:%S} {item.size:>12} {item.key}"


def _cp(storage: Storage, options: argparse.Namespace) -> int:
    source, target = options.source, options.target
    if _is_remote(source) and _is_remote(target):
        if options.recursive:
            raise ConfigurationError("cp -r copies between the storage and this machine")
        storage.copy(_key(source), _file_key(target, _key(source)))
        return 0
    up = _one_side(source, target)
    if options.recursive:
        how = {"resume": options.resume, **_bulk(options)}
        if up:
            return _report(storage.upload_dir(source, _key(target), **how), options)
        return _report(storage.download_dir(_key(source), target, **how), options)
    if up and source == "-":
        storage.upload(sys.stdin.buffer, _key(target))
    else:
        _one_file(storage, options, up=up)
    return 0


def _one_file(storage: Storage, options: argparse.Namespace, *, up: bool) -> None:
    source, target, progress = options.source, options.target, _progress(options)
    if up:
        storage.upload(Path(source), _file_key(target, source), progress=progress)
    else:
        if target.endswith("/"):
            Path(target).mkdir(parents=True, exist_ok=True)
        storage.download(_key(source), Path(target), progress=progress)


def _cat(storage: Storage, options: argparse.Namespace) -> int:
    storage.download(_named(options.key), sys.stdout.buffer)
    sys.stdout.buffer.flush()
    return 0


def _mv(storage: Storage, options: argparse.Namespace) -> int:
    source, target = options.source, options.target
    if _is_remote(source) and _is_remote(target):
        storage.move(_key(source), _file_key(target, _key(source)))
        return 0
    up = _one_side(source, target)
    _one_file(storage, options, up=up)
    if up:
        Path(source).unlink()
    else:
        storage.delete(_key(source))
    return 0


def _rm(storage: Storage, options: argparse.Namespace) -> int:
    key = _named(options.key)
    if options.recursive:
        done = storage.delete_prefix(
            key, dry_run=options.dry_run, everything=options.everything, errors="collect"
        )
        return _report(done, options)
    if not options.dry_run:
        storage.delete(key)
    return 0


def _sync(storage: Storage, options: argparse.Namespace) -> int:
    up = _one_side(options.source, options.target)
    folder, prefix = (options.source, options.target) if up else (options.target, options.source)
    done = storage.sync(
        folder,
        _key(prefix),
        direction="up" if up else "down",
        delete=options.delete,
        dry_run=options.dry_run,
        compare="size" if options.size_only else "etag",
        **_bulk(options),
    )
    return _report(done, options)


def _presign(storage: Storage, options: argparse.Namespace) -> int:
    link = storage.presign(_named(options.key), expires_in=options.expires_in)
    print(link)  # noqa: T201
    _note(f"until {link.expires:%Y-%m-%d %H:%M:%S} UTC")
    return 0


def _bulk(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "exclude": options.exclude,
        "errors": "collect",
        "progress": _progress(options),
    }


def _progress(options: argparse.Namespace) -> bool:
    """Show a bar on a terminal, where tqdm is installed."""
    if options.quiet or not sys.stderr.isatty():
        return False
    try:
        import tqdm  # noqa: F401, PLC0415 - an extra
    except ImportError:
        return False
    return True


def _report(done: Transfers, options: argparse.Namespace) -> int:
    would = "would be " if getattr(options, "dry_run", False) else ""
    for transfer in done:
        if transfer.error:
            _say(transfer.error, _FAILED)
        elif transfer.action != "skipped" and not options.quiet:
            _print(f"{would}{transfer.action} {transfer.key}")
    _note(f"{len(done)} files, {done.count('skipped')} unchanged, {len(done.failed)} failed")
    return _FAILED if done.failed else 0


def _note(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def _is_remote(name: str) -> bool:
    return name.startswith(REMOTE)


def _key(name: str) -> str:
    return name.removeprefix(REMOTE)


def _named(name: str) -> str:
    """Take what can only be a name in the storage; a forgotten prefix must delete nothing."""
    if not _is_remote(name):
        raise ConfigurationError(f"names in the storage begin with {REMOTE}, as {REMOTE}{name}")
    return _key(name)


def _file_key(target: str, source: str) -> str:
    """Find the key for a file: below a target that ends with a slash, or is the storage itself."""
    key = _key(target)
    return key + Path(source).name if not key or key.endswith("/") else key


def _one_side(source: str, target: str) -> bool:
    """Tell whether files go up; one side is the storage, the other this machine."""
    if _is_remote(source) == _is_remote(target):
        raise ConfigurationError(
            f"one of the two names begins with {REMOTE}, which stands for the storage"
        )
    return _is_remote(target)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cloakroom",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--url", help="the gateway's address [env: CLOAKROOM_URL]")
    parser.add_argument("--token-file", help="file that holds an access token")
    parser.add_argument("--workspace", metavar="ORG/WS", help="a workspace, not your own bucket")
    parser.add_argument("--ca-file", help="further certificate authorities (PEM)")
    parser.add_argument("--allow-http", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--parallel", type=int, default=16, metavar="N", help="[default: 16]")
    parser.add_argument("--quiet", "-q", action="store_true", help="only errors, and the sum")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = _command(commands, "ls", _ls, "list objects")
    command.add_argument("prefix", nargs="?", default="")
    command.add_argument("--recursive", "-r", action="store_true", help="also below slashes")

    command = _command(commands, "cp", _cp, "copy a file, or with -r a folder")
    command.add_argument("source", help="`-` is standard input")
    command.add_argument("target")
    command.add_argument("--recursive", "-r", action="store_true")
    command.add_argument("--resume", action="store_true", help="skip what is there already")
    _excluding(command)

    command = _command(
        commands, "mv", _mv, "rename an object, or copy a file and delete the original"
    )
    command.add_argument("source")
    command.add_argument("target")

    command = _command(commands, "cat", _cat, "print an object")
    command.add_argument("key")

    command = _command(commands, "rm", _rm, "delete an object, or with -r a folder")
    command.add_argument("key")
    command.add_argument("--recursive", "-r", action="store_true")
    command.add_argument("--everything", action="store_true", help="with -r: the whole storage")
    command.add_argument("--dry-run", action="store_true")

    command = _command(commands, "sync", _sync, "make the target as the source is")
    command.add_argument("source")
    command.add_argument("target")
    command.add_argument("--delete", action="store_true", help="also delete what is not there")
    command.add_argument("--dry-run", action="store_true", help="show what would be done")
    command.add_argument("--size-only", action="store_true", help="compare no content")
    _excluding(command)

    command = _command(commands, "presign", _presign, "print a link that opens one object")
    command.add_argument("key")
    command.add_argument("--expires-in", type=int, default=900, metavar="SECONDS")
    return parser


def _command(
    commands: Any,
    name: str,
    run: Callable[[Storage, argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def _excluding(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="such as '*.tmp'; may be repeated",
    )

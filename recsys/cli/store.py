"""The command groups `recsys keys` and `recsys events`, and `recsys forget`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from experiments.terminal import Bars, answering, say
from recsys.cli.options import Bundle, Json

app = typer.Typer()
keys_app = typer.Typer(no_args_is_help=True, help="API keys of the service: create, list, revoke.")
events_app = typer.Typer(no_args_is_help=True, help="Events of the service's store: import.")

Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="RECSYS_SERVE_STORE",
        help="sqlite:///PATH or postgresql://USER@HOST/DATABASE (password: PGPASSWORD, ~/.pgpass); "
        "default the SQLite file that recsys serve takes.",
        show_default=False,
    ),
]
Tenant = Annotated[str, typer.Option("--tenant", help="The shop.", show_default=False)]


@keys_app.command("create")
def keys_create(
    tenant: Tenant,
    scope: Annotated[
        Literal["read", "write", "admin"],
        typer.Option(help="read: ask; write: also tell (events, items, users); admin: manage too."),
    ],
    store: Store = None,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    as_json: Json = False,
) -> None:
    """Make a key, and the tenant if it is new. The key is shown once, on the last line.

    Example: `recsys keys create --store sqlite:///shop.db --tenant shop --scope read`
    """
    from rich.text import Text

    from serving.store.operating import create_key

    with answering(as_json) as show:
        secret, key = create_key(_address(store), tenant, scope, label)
        value = {"id": key.id, "tenant": tenant, "scope": scope, "label": label, "key": secret}
        note = f"key {key.id} of {tenant} may {scope}; it is kept nowhere, so store it now:"
        # Not folded, however narrow the terminal: it is to be copied.
        show(value, note, Text(secret, no_wrap=True, overflow="ignore"))


@keys_app.command("list")
def keys_list(tenant: Tenant, store: Store = None, as_json: Json = False) -> None:
    """Show a tenant's keys, without their secrets."""
    from datetime import UTC, datetime

    from rich.table import Table

    from serving.store.operating import list_keys

    def day(moment: int | None) -> str:
        return "" if moment is None else f"{datetime.fromtimestamp(moment / 1e6, UTC):%Y-%m-%d}"

    with answering(as_json) as show:
        found = list_keys(_address(store), tenant)
        table = Table("id", "scope", "label", "created", "revoked", title=f"Keys of {tenant}")
        values = []
        for key in found:
            table.add_row(key.id, key.scope, key.label, day(key.created_at), day(key.revoked_at))
            values.append(
                {
                    "id": key.id,
                    "scope": key.scope,
                    "label": key.label,
                    "created_at": key.created_at,
                    "revoked_at": key.revoked_at,
                }
            )
        show({"tenant": tenant, "keys": values}, table)


@keys_app.command("revoke")
def keys_revoke(
    key: Annotated[str, typer.Argument(help="The key's id, as `recsys keys list` shows it.")],
    tenant: Tenant,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Revoke a key for good; running services refuse it within a minute."""
    from serving.store.operating import revoke_key

    with answering(as_json) as show:
        done = revoke_key(_address(store), tenant, key)
        line = "revoked" if done else f"{tenant} has no key {key!r} that is still good"
        show({"id": key, "revoked": done}, line)
    if not done:
        raise typer.Exit(1)


@events_app.command("import")
def events_import(
    files: Annotated[
        list[str], typer.Argument(help="Paths, globs or folders: CSV, JSONL, parquet.")
    ],
    tenant: Tenant,
    store: Store = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="user_id=customer,item_id=sku,...")
    ] = None,
    event: Annotated[str, typer.Option(help="What rows without a column event are.")] = "purchase",
    as_json: Json = False,
) -> None:
    """Append what shoppers did, from files. Importing a file again changes nothing.

    Example: `recsys events import 'clicks/*.csv' --store sqlite:///shop.db --tenant shop`
    """
    from dataclasses import asdict

    from experiments.imports import pairs
    from serving.store.operating import append_files

    with answering(as_json) as show, Bars("events") as bars:
        imported = append_files(
            _address(store),
            tenant,
            files,
            mapping=pairs(mapping or [], "--map"),
            event=event,
            note=say,
            report=lambda guess: say(f"What these files are taken for:\n{guess.shown_columns()}"),
            progress=lambda done, total: bars.update("import", done, total),
        )
        counts = f"{imported.accepted:,} accepted, {imported.duplicate:,} known already, "
        line = f"{counts}{imported.refused:,} refused"
        show(asdict(imported), line, *(f"  {reason}" for reason in imported.reasons))


@app.command()
def forget(
    user: Annotated[str, typer.Argument(help="A shopper's id.")],
    bundle: Bundle,
    as_json: Json = False,
) -> None:
    """Rewrite a bundle without a shopper's id, history and attributes.

    Everybody else's recommendations stay as they are. What many shoppers taught the models
    together stays in them until they are trained again without this one's data.
    Example: `recsys forget CUSTOMER bundles/shop`
    """
    from recsys.forgetting import forget_user

    with answering(as_json) as show:
        gone = forget_user(bundle, user)
        value = {"forgotten": gone.known, "interactions": gone.interactions, "kept": gone.kept}
        value |= {"version": gone.version}
        if not gone.known:
            show(value, f"{bundle} does not know this shopper: nothing to forget")
            return
        lines = [f"forgotten, with {gone.interactions:,} interactions; version {gone.version}"]
        lines += [f"  stays: {note}" for note in gone.kept]
        show(value, *lines)


def _address(store: str | None) -> str:
    if store is not None:
        return store
    from serving.server import default_store

    return default_store()

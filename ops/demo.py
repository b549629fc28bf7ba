"""The demonstration company: a pack with its people, and sign-ins that can be printed.

    sign_ins = await load_demo(settings, "ecommerce", member_secret="…")

Everybody signs in with one password, derived from this installation's own secret, so that it is the same at
every start and different everywhere.
"""

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from adapters.db import accounts
from adapters.db.company import Applied, apply_pack
from adapters.db.engine import Database
from adapters.packs import load_pack
from adapters.passwords import hash_password, verify_password
from adapters.settings import Settings
from domain.pack import Pack
from domain.roles import Role

PACKS = Path(__file__).parents[1] / "packs"
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without letters that are mistaken for others."""
_PASSWORD_LENGTH = 10


@dataclass(frozen=True)
class DemoSignIn:
    """One line of the printed table."""

    login: str
    name: str
    roles: tuple[Role, ...]
    password: str
    """Empty for somebody who has chosen another one."""


def demo_password(settings: Settings) -> str:
    """The demonstration password of this installation."""
    key = settings.secret_key.get_secret_value().encode()
    digest = hmac.digest(key, b"holdfast demonstration password", hashlib.sha256)
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:_PASSWORD_LENGTH])


async def load_demo(settings: Settings, pack: str, *, member_secret: str | None = None) -> list[DemoSignIn]:
    """Apply the pack (a name under `packs/`) with its people; who can sign in, and how.

    Raises PackError when the pack is wrong.
    """
    password = demo_password(settings)
    loaded = load_pack(PACKS / pack)
    first_hash = await hash_password(password)
    origins = [settings.business_system_url] if settings.business_system_url else []
    database = Database(settings.database_url, pool_size=1, application="holdfast-demo")
    try:
        async with database.transaction() as tx:
            applied = await apply_pack(
                tx,
                loaded.company.line.key,
                loaded,
                with_people=True,
                password_hash=first_hash,
                member_secret=member_secret,
                allowed_origins=origins,
            )
        return await _sign_ins(database, applied, loaded, password, first_hash)
    finally:
        await database.close()


async def _sign_ins(
    database: Database, applied: Applied, pack: Pack, password: str, first_hash: str
) -> list[DemoSignIn]:
    """Who still has the demonstration password; only hashes that are not today's need checking."""
    sign_ins = []
    for person in applied.people:
        async with database.reading() as tx:
            known = await accounts.credentials_of(tx, person.login)
        if known is None or known.disabled:
            continue
        fits = known.password_hash == first_hash
        if not fits:
            fits, _ = await verify_password(password, known.password_hash)
        sign_ins.append(DemoSignIn(person.login, person.name, person.roles, password if fits else ""))
    order = {person.login: index for index, person in enumerate(pack.company.people)}
    return sorted(sign_ins, key=lambda each: order[each.login])

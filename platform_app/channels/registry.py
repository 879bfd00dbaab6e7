"""Registry: every channel that accounts can be connected to, found in the files beside this one."""

import pkgutil
from importlib import import_module

from platform_app import channels as package
from platform_app.channels.channel_kind import ChannelKind
from platform_app.models.agent import Channel


def _load_kinds() -> dict[Channel, ChannelKind]:
    """Return every channel kind, in the order in which they are offered. Raises ValueError on a duplicate."""
    kinds: dict[Channel, ChannelKind] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if f"{package.__name__}.{module.name}" == __name__:
            continue
        for held in vars(import_module(f"{package.__name__}.{module.name}")).values():
            if isinstance(held, ChannelKind) and kinds.setdefault(held.kind, held) is not held:
                raise ValueError(f"two channels are of the kind {held.kind}")
    return dict(sorted(kinds.items(), key=lambda item: (item[1].menu_order, item[0])))


CHANNEL_KINDS = _load_kinds()

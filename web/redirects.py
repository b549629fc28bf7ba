"""Where we send people back to."""

from urllib.parse import urlsplit


def own_path(wish: str, otherwise: str = "/") -> str:
    """A path of our own, or `otherwise`: no scheme, no host, nothing a browser might read as one."""
    try:
        parts = urlsplit(wish.strip())
    except ValueError:  # a bracket that opens no address
        return otherwise
    is_own = not parts.scheme and not parts.netloc and wish.startswith("/")
    is_plain = not wish.startswith(("//", "/\\")) and "\\" not in wish and wish.isprintable()
    return wish if is_own and is_plain else otherwise

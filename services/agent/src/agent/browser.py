"""Showing an owner a page in their browser, where there is one to show it in."""

import os
import sys
import webbrowser

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def open_page(url: str) -> bool:
    """Open a page of http or https; False where there is no screen, or no browser that takes it."""
    # Without a screen a browser for terminals would be found, and take the terminal over.
    has_screen = sys.platform == "darwin" or any(os.environ.get(name) for name in _DISPLAYS)
    if not has_screen or not url.startswith(("http://", "https://")):
        return False
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False

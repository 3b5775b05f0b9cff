"""The page as somebody looks at it: in a headless browser."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
FLAGS = (
    '--headless=new',
    '--no-sandbox',
    '--use-angle=swiftshader',  # WebGL without a graphics card
    '--enable-unsafe-swiftshader',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
)
SHUTDOWN_TIMEOUT_S = 5.0


def find_browser() -> str | None:
    """The path of a browser that is installed, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def page_opened(url: str) -> Iterator[bool]:
    """Have a page open; whether there is a browser that could open it."""
    path = find_browser()
    if path is None:
        yield False
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [path, *FLAGS, f'--user-data-dir={profile}', '--window-size=1100,640']
        # a debugging port keeps a headless browser open
        command += ['--remote-debugging-port=0', url]
        quiet = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
        browser = subprocess.Popen(command, stdin=subprocess.DEVNULL, **quiet)
        try:
            yield True
        finally:
            _end(browser)


def _end(browser: subprocess.Popen) -> None:
    browser.terminate()
    try:
        browser.wait(SHUTDOWN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        browser.kill()
        browser.wait()

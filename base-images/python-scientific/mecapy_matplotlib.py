"""Gives matplotlib the list of fonts that was made with the image.

matplotlib takes a cache only from a folder that it can write to, which nothing in an image
is when it runs. So the list is copied to ``MPLCONFIGDIR`` when matplotlib is imported, and
not before: interpreters that draw nothing pay nothing.
"""

import sys

MADE = "/opt/mecapy/matplotlib"


class _BeforeMatplotlib:
    def find_spec(self, name, path=None, target=None):
        if name == "matplotlib":
            sys.meta_path.remove(self)
            copy_fonts()
        return None  # The usual finders find it.


def copy_fonts():
    import os
    import shutil

    # A caller may have emptied the environment.
    folder = os.environ.setdefault("MPLCONFIGDIR", "/tmp/matplotlib")
    # Then matplotlib makes its own, slower, or says itself what is wrong.
    try:
        if folder != MADE and not os.path.exists(folder):
            shutil.copytree(MADE, folder)
    except OSError:
        pass


sys.meta_path.insert(0, _BeforeMatplotlib())

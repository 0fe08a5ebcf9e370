"""Adds to the wheel one line that Python runs at start-up: the torchvision cure, also for a bare `import timm`.

`make dev` puts the same line beside the editable install, where setuptools would not look for it.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CURE = Path(__file__).parent / "packaging" / "atlantis_torchvision.pth"


class BuildWithCure(build_py):
    """Builds the packages, and the line beside them."""

    def run(self) -> None:
        """Build; see setuptools."""
        super().run()
        if not self.editable_mode:
            self.copy_file(str(CURE), str(Path(self.build_lib) / CURE.name))


setup(cmdclass={"build_py": BuildWithCure})

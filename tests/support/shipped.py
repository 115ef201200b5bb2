"""Where the service manifests are that ship with the programs."""

from pathlib import Path

import resources

MANIFESTS = Path(str(resources.__file__)).parent / "services"

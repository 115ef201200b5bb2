"""How fast and how surely the DHT finds what was published, with nodes dead, lying, coming and going."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # `python bench/dht.py` alone would find only what is in bench/

from bench.dht_support.program import main

if __name__ == "__main__":
    main()

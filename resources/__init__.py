"""Files that ship with the programs: service manifests, icons, the web dashboard, demo documents."""

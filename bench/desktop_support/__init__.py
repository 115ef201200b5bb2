"""Measures the tray app: `mesh_frames` how long frames of the map of the mesh take."""

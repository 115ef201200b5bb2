"""The map of the mesh: where everything stands, and how it is painted.

`layout` seats coordinators, this machine and workers, `camera` says which part is looked at, `scene` joins both
with what is so: these decide and are pure. `marks` are the small pictures of computers, `painting` paints a scene,
`canvas` is the widget around it, `legend` explains it. `words` has every sentence about the mesh, `table` and
`table_view` show the same as rows, `card` tells all of one computer. `board` puts them together.
"""

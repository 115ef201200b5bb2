"""Small widgets that the panels are made of; none of them knows what a node is.

`theme` says the colours of the moment to whatever paints, `glyphs` are icons and buttons with icons, `labels`
elide and wrap, `frames` are cards, banners and empty states, `meters` bars and the little chart, `question` asks
before what cannot be taken back, `columns` lays cards out in one or two columns.
"""

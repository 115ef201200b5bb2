"""The groups of the settings panel: one card and one file each, drawn whole from `Facts`.

`row` is one rule as a sentence with its switch, values and what is so now; `presence`, `power`, `graphics`,
`limits`, `times` and `patience` are the rules; `programs` the list of exclusive ones; `login`, `updates` and
`goodbye` concern the app.
"""

"""The groups of the settings panel: one card and one file each, drawn whole from `Facts`.

`page` puts them together, and is made when it is first looked at. `row` is one rule as a sentence with its switch,
its values and what is so now; `presence`, `power`, `graphics`, `limits`, `times` and `patience` are the rules;
`programs` is the list of exclusive ones; `login`, `updates` and `goodbye` concern the app.
"""

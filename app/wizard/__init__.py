"""The first run, in three steps: what this is, what was detected here, and the invite with what may be done.

`wizard` holds the steps together and is shown whenever this computer is in no mesh. One step, one file: `about`,
`machine`, `join`, whose cards are `invite_card` and `permissions_card`. Pure beside them: `findings` (a survey to
marks with fixes), `invitation` (any text to an invite), `permissions` (what is ticked to rules), `offers` (the
services that there usually are). `survey_model` has the node look at the computer; `qr` has a picture read by
`qr_program`, a process of its own that may crash or hang.
"""

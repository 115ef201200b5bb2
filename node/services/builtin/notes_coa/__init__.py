"""An adviser's notes become a structured case and a Confirmation of Advice letter.

`notes` cuts the notes into statements and says what each is about; `mentions` are the entities that the service
ner-extraction found in them, fetched by `ner_client` through our own node; `items` reads amounts, creditors and
periods out of one statement; `case` joins all to a case; `options` explains debt options in plain words; `letter`
fills the template; `blocks` is the letter as headings, paragraphs, lists and tables; `docx_letter` writes it as
DOCX; `requests` is what callers send; `service` is the HTTP face. Notes are data everywhere, never a template.
"""

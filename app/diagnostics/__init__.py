"""The diagnostics bundle: `job` collects it beside the window, `dialog` shows what is in it and saves."""

"""One module for each system: `capture(out, seed, maker)` gives a form.Folder."""

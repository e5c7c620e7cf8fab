"""The bytes of image files: where they come from, and what their headers say.

This floor knows formats and nothing of what is done with them: readers of metadata and readers of
images stand on it. A header is a claim of whoever wrote the file: sizes in it are compared with
the size of the file before anything is read or made by them, and what does not fit is a
:class:`~openem_nb.errors.DamagedFile` with its reason.
"""

"""The database: models (a file per aggregate), types, queries, work queue, blobs, migrations.

Nothing here opens a writing transaction on its own behalf: actions do.
"""

"""The database: models (one file per aggregate), column types, queries, work queue, blobs, migrations.

Nothing here opens a writing transaction on its own behalf: actions do.
"""

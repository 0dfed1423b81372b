"""For WSGI servers of your own choice: `wsgi:app`. `supportdesk web` needs none of it."""

from supportdesk.app import create_app

app = create_app()

"""The lab's Django project: /lab/notes is twenty rows by the ORM in a template, with sessions, languages and CSRF protection around."""

import os
import sys

sys.path.insert(0, "/app/myproject")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "myproject.settings")

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()

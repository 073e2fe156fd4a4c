"""Fills Django's registry of applications when nobody has done it yet.

The quickstart's older form, `module = django.core.handlers.wsgi:WSGIHandler()`, builds the handler without
`django.setup()`. Django imports the last entry of MIDDLEWARE first, so this module is early enough.
"""

import django
from django.apps import apps

if not apps.ready:
    django.setup()


def middleware(get_response):
    return get_response

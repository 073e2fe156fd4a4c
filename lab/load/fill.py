"""Makes Django's database with the rows that the load asks for."""

import djangoapp  # noqa: F401
from django.core.management import call_command
from shop.models import Note

call_command("migrate", verbosity=0)
Note.objects.bulk_create(Note(text=f"What was said on day {n}, in a sentence of ordinary length.") for n in range(200))

"""Settings of the service: those of the shop's pages, and Django-Bolt."""

from django_shop.settings import *  # noqa: F403 - that is what they are
from django_shop.settings import INSTALLED_APPS as OF_THE_SHOP

INSTALLED_APPS = [*OF_THE_SHOP, "django_bolt"]
BOLT_API = ["bolt_shop.api:api"]

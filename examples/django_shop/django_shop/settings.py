"""Settings of the shop: PostgreSQL for what is written, RailForge for reports.

`SHOP_POSTGRES` is the URL of the shop's database, as `make serve` prints it, and `SHOP_RAIL_FORGE` is that of
RailForge. `SHOP_DEBUG=0` switches Django's debugging off, with which `runserver` serves the pages' scripts.
"""

import os
from urllib.parse import urlsplit

postgres = urlsplit(os.environ.get("SHOP_POSTGRES", "postgres://postgres@127.0.0.1:5432/shop"))
rail_forge = urlsplit(os.environ.get("SHOP_RAIL_FORGE", "grpc://127.0.0.1:32010"))

SECRET_KEY = "of an example"
DEBUG = os.environ.get("SHOP_DEBUG", "1") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = ["django.contrib.postgres", "django.contrib.staticfiles", "rail_forge.django", "shop"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "django_shop.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
STATIC_URL = "static/"
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASE_ROUTERS = ["rail_forge.django.AnalyticsRouter"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": postgres.path.removeprefix("/"),
        "USER": postgres.username,
        "PASSWORD": postgres.password or "",
        "HOST": postgres.hostname,
        "PORT": postgres.port,
    },
    "analytics": {
        "ENGINE": "rail_forge.django",
        "HOST": rail_forge.hostname,
        "PORT": rail_forge.port,
        "OPTIONS": {"primary": "default"},
        "TEST": {"MIRROR": "default"},
    },
}

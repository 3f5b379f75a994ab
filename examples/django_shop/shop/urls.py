"""The addresses of the reports."""

from django.urls import path

from . import views

app_name = "shop"
urlpatterns = [
    path("", views.index, name="index"),
    path("reports/<slug:slug>/", views.report, name="report"),
    path("reports/<slug:slug>/data", views.data, name="data"),
    path("orders/", views.orders, name="orders"),
]

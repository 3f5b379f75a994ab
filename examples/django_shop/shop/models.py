"""The shop's tables. They are there already, so Django manages none of them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Region(models.Model):
    """A sales region."""

    name = models.CharField(max_length=60)
    continent = models.CharField(max_length=30)
    currency = models.CharField(max_length=3, help_text="ISO 4217 code; all amounts in the shop are in EUR")
    utc_offset_hours = models.SmallIntegerField()

    class Meta:
        managed = False
        db_table = "region"


class Category(models.Model):
    """A node of the tree of product categories, four levels deep."""

    parent = models.ForeignKey("self", models.DO_NOTHING, null=True, related_name="children")
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=140)
    depth = models.SmallIntegerField()

    class Meta:
        managed = False
        db_table = "category"


class Product(models.Model):
    """What the shop sells."""

    category = models.ForeignKey(Category, models.DO_NOTHING, related_name="products")
    sku = models.CharField(max_length=16)
    name = models.CharField(max_length=200)
    description = models.TextField(null=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, help_text="Today's list price in EUR")
    cost = models.DecimalField(max_digits=12, decimal_places=2)
    weight_kg = models.FloatField(null=True)
    rating = models.FloatField(null=True, help_text="Mean of the customers' stars, NULL before the first")
    stock = models.IntegerField()
    tags = ArrayField(models.TextField())
    attributes = models.JSONField()
    is_active = models.BooleanField()
    launched_on = models.DateField()

    class Meta:
        managed = False
        db_table = "product"


class Customer(models.Model):
    """A person or a company with an account."""

    public_id = models.UUIDField(help_text="The identifier that appears in links")
    region = models.ForeignKey(Region, models.DO_NOTHING, related_name="customers")
    name = models.CharField(max_length=120)
    email = models.EmailField()
    city = models.CharField(max_length=60)
    birth_date = models.DateField(null=True)
    loyalty_tier = models.SmallIntegerField(null=True)
    is_business = models.BooleanField()
    preferences = models.JSONField()
    joined_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "customer"


class Order(models.Model):
    """An order; they are numbered as they were placed."""

    customer = models.ForeignKey(Customer, models.DO_NOTHING, related_name="orders")
    region = models.ForeignKey(Region, models.DO_NOTHING, related_name="orders")
    status = models.CharField(max_length=12)
    channel = models.CharField(max_length=12)
    placed_at = models.DateTimeField()
    shipped_at = models.DateTimeField(null=True)
    delivered_on = models.DateField(null=True)
    total = models.DecimalField(max_digits=12, decimal_places=2)
    coupon = models.CharField(max_length=20, null=True)
    note = models.TextField(null=True)
    updated_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "orders"


class OrderLine(models.Model):
    """A product of an order."""

    order = models.ForeignKey(Order, models.DO_NOTHING, related_name="lines")
    product = models.ForeignKey(Product, models.DO_NOTHING, related_name="lines")
    position = models.SmallIntegerField()
    quantity = models.IntegerField()
    unit_price = models.DecimalField(max_digits=12, decimal_places=2, help_text="What was paid for one piece")

    class Meta:
        managed = False
        db_table = "order_line"

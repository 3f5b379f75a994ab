"""Some of the shop's tables as SQLAlchemy's ORM has them."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the ORM reads the annotations
from decimal import Decimal  # noqa: TC003 - the ORM reads the annotations
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import DateTime, Text


class Base(DeclarativeBase):
    """What the tables have in common."""


class Customer(Base):
    """A person or a company with an account."""

    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    joined_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    orders: Mapped[list[Order]] = relationship(order_by="Order.id")


class Order(Base):
    """An order."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    channel: Mapped[str]
    total: Mapped[Decimal]
    placed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Product(Base):
    """What the shop sells."""

    __tablename__ = "product"
    id: Mapped[int] = mapped_column(primary_key=True)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
